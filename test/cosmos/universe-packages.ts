/**
 * Real packages of the public catalogue as a bundle would hold them: every asset replaced by a few
 * bytes that are made from its URL, hashes of CLI binaries adapted to them, nothing else changed.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import type { PackageDefinition } from "../../src/packages/package-definition.ts";
import { makeZip } from "../../src/release/zip-archive.ts";
import type { PackageParts } from "../catalog/published-package.ts";
import { assetPath } from "../catalog/published-package.ts";

export interface UniversePackage extends PackageParts {
  readonly definition: PackageDefinition;
  /** Strings that stay, because they name no file. */
  readonly keptUrls: readonly string[];
}

/** Of packaging version 4.0 and 5.0, one per name and version, in the order of the catalogue. */
export async function universePackages(universe: string): Promise<UniversePackage[]> {
  const root = path.join(universe, "packages");
  const names = await readdir(root, { recursive: true });
  const directories = names
    .filter((name) => path.basename(name) === "package.json")
    .map((name) => path.join(root, path.dirname(name)))
    .sort();
  const packages = await Promise.all(directories.map(readPackage));
  const seen = new Set<string>();
  return packages.filter(({ definition: { packagingVersion, name, version } }) => {
    const known = seen.has(`${name} ${version}`);
    seen.add(`${name} ${version}`);
    return !known && (packagingVersion === "4.0" || packagingVersion === "5.0");
  });
}

async function readPackage(directory: string): Promise<UniversePackage> {
  const { selected: _, ...fields } = await readJson(directory, "package.json");
  const resource = await readJson(directory, "resource.json");
  const config = await readJson(directory, "config.json");
  const template = await readFile(path.join(directory, "marathon.json.mustache")).catch(() => {});
  const files: [string, Buffer][] = [];
  const keptUrls: string[] = [];
  const bundled = bundledResource(resource, {
    file: (url, bytes) => {
      const name = url.slice(url.lastIndexOf("/") + 1).replace(/\?.*$/, "");
      files.push([name, bytes]);
      return assetPath(name, bytes);
    },
    keep: (url) => {
      keptUrls.push(url);
      return url;
    },
  });
  const definition = {
    ...fields,
    ...(Object.keys(resource).length > 0 && { resource: bundled }),
    ...(Object.keys(config).length > 0 && { config }),
    ...(template && { marathon: { v2AppMustacheTemplate: template.toString("base64") } }),
  } as unknown as PackageDefinition;
  const images: string[] = Object.values(resource["assets"]?.["container"]?.["docker"] ?? {});
  return { definition, files, images: [...new Set(images)], keptUrls };
}

interface Bundling {
  file(url: string, bytes: Buffer): string;
  keep(url: string): string;
}

// The documents come from JSON.parse; their shape is what the samples are known to have.
type Document = ReturnType<typeof JSON.parse>;

function bundledResource(resource: Document, { file, keep }: Bundling): object {
  const one = (url: string) =>
    /^https?:\/\/[^/]+\/.*[^/]$/.test(url) ? file(url, Buffer.from(`bytes of ${url}`)) : keep(url);
  const all = (urls: Document = {}) =>
    Object.fromEntries(Object.entries<string>(urls).map(([key, url]) => [key, one(url)]));
  const { assets, images, cli } = resource;
  const { screenshots, ...icons } = images ?? {};
  return {
    ...(assets && { assets: { ...assets, ...(assets.uris && { uris: all(assets.uris) }) } }),
    ...(images && {
      images: { ...all(icons), ...(screenshots && { screenshots: screenshots.map(one) }) },
    }),
    ...(cli && { cli: { binaries: bundledBinaries(cli.binaries, file) } }),
  };
}

function bundledBinaries(binaries: Document, file: Bundling["file"]): object {
  const entries = Object.entries<Document>(binaries).map(([platform, { "x86-64": binary }]) => {
    const content = `#!/bin/sh\necho ${binary.url}\n`;
    const archive = makeZip([{ path: "bin/dcos-x", content, mode: 0o755 }]);
    const bytes = binary.kind === "zip" ? archive : Buffer.from(content);
    const value = createHash("sha256").update(bytes).digest("hex");
    const contentHash = [{ algo: "sha256", value }];
    return [platform, { "x86-64": { ...binary, url: file(binary.url, bytes), contentHash } }];
  });
  return Object.fromEntries(entries);
}

async function readJson(directory: string, file: string): Promise<Record<string, Document>> {
  const text = await readFile(path.join(directory, file), "utf8").catch(() => "{}");
  return JSON.parse(text);
}
