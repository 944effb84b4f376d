/** What a repository's packages make agents and browsers fetch: files by URL, images by name. */
import { isObject, isText, type Json, nameOf } from "./decoding-rules.ts";

export interface FileReference {
  readonly packageName: string;
  readonly packageVersion: string;
  /** `/resource/assets/uris/<key>` and so on. */
  readonly pointer: string;
  readonly url: string;
  readonly kind: "uri" | "image" | "cli";
  /** Of a CLI binary: `executable` or `zip`, and its hashes as stated. */
  readonly cli?: { readonly kind: string; readonly hashes: readonly Json[] };
}

export interface ImageUse {
  readonly packageName: string;
  readonly pointer: string;
  readonly image: string;
}

export function fileReferences(packages: readonly Json[]): FileReference[] {
  return packages.flatMap((one) => {
    const { assets, images, cli } = fields(one["resource"]);
    const { screenshots, ...icons } = fields(images);
    const found = [
      ...texts(fields(assets)["uris"], "/resource/assets/uris", "uri"),
      ...texts(icons, "/resource/images", "image"),
      ...texts(screenshots, "/resource/images/screenshots", "image"),
      ...binaries(fields(cli)["binaries"]),
    ];
    const packageName = String(one["name"]);
    const packageVersion = String(one["version"]);
    return found.map((file) => ({ packageName, packageVersion, ...file }));
  });
}

export function imageUses(packages: readonly Json[]): ImageUse[] {
  return packages.flatMap((one, position) => {
    const { docker } = fields(fields(fields(one["resource"])["assets"])["container"]);
    return Object.entries(fields(docker)).map(([key, image]) => ({
      packageName: nameOf(one, position),
      pointer: `/resource/assets/container/docker/${key}`,
      image: String(image),
    }));
  });
}

type Found = Omit<FileReference, "packageName" | "packageVersion">;

function texts(values: unknown, pointer: string, kind: "uri" | "image"): Found[] {
  const entries = Array.isArray(values) ? values.entries() : Object.entries(fields(values));
  return [...entries].flatMap(([key, url]) =>
    isText(url) ? [{ pointer: `${pointer}/${key}`, url, kind }] : [],
  );
}

function binaries(platforms: unknown): Found[] {
  return Object.entries(fields(platforms)).flatMap(([platform, entry]) => {
    const { kind, url, contentHash } = fields(fields(entry)["x86-64"]);
    if (!isText(url)) return [];
    if (!Array.isArray(contentHash)) return [];
    const hashes = contentHash.filter(isObject);
    const pointer = `/resource/cli/binaries/${platform}/x86-64/url`;
    return [{ pointer, url, kind: "cli" as const, cli: { kind: String(kind), hashes } }];
  });
}

function fields(value: unknown): Json {
  return isObject(value) ? value : {};
}
