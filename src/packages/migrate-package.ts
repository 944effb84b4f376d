/**
 * `migrate`: a package directory becomes a build definition, one JSON file with everything inline.
 *
 * The same directory always gives the same bytes; with an error among the findings nothing is
 * written, and the file appears by rename or not at all.
 */
import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import path from "node:path";
import { parseAssetLocation } from "./asset-location.ts";
import { replaceFiles } from "./definition-files.ts";
import { type Finding, Findings, PackageInvalid, strictly } from "./finding.ts";
import type { PackageDefinition } from "./package-definition.ts";
import { toDefinition } from "./parse-metadata.ts";
import { readPackageDirectory } from "./read-package-directory.ts";

export interface MigrateOptions {
  /** As the user typed them. */
  readonly packageDirectory: string;
  readonly outputDirectory: string;
  /** Absolute; what the two are relative to. */
  readonly workingDirectory: string;
  /** Whether a warning is a refusal. */
  readonly strict?: boolean;
}

export interface Migration {
  /** `<output directory>/<name>-<version>.json`, the directory as typed. */
  readonly file: string;
  readonly definition: PackageDefinition;
  /** Warnings; errors are thrown. */
  readonly findings: readonly Finding[];
}

/** @throws {PackageInvalid} with every finding, when one is an error */
export async function migratePackage(options: MigrateOptions): Promise<Migration> {
  const { packageDirectory, outputDirectory, workingDirectory, strict = false } = options;
  const findings = new Findings();
  const source = path.resolve(workingDirectory, packageDirectory);
  const target = path.resolve(workingDirectory, outputDirectory);
  const read = await readPackageDirectory(packageDirectory, source, findings);
  const judged = strict ? strictly(findings.sorted()) : findings.sorted();
  if (judged.some(({ severity }) => severity === "error")) throw new PackageInvalid(judged);
  const definition = movePaths(toDefinition(read ?? null), source, target);
  const name = `${definition.name}-${definition.version}.json`;
  await writeWhole(path.join(target, name), formatDefinition(definition));
  return {
    file: `${(outputDirectory || ".").replace(/\/+$/, "")}/${name}`,
    definition,
    findings: judged,
  };
}

/** The bytes of a build definition: two spaces, a final newline, keys in the order they have. */
export function formatDefinition(definition: PackageDefinition): Buffer {
  return Buffer.from(`${JSON.stringify(definition, undefined, 2)}\n`);
}

/** Asset paths are relative to the package directory in the one and to the output in the other. */
function movePaths(definition: PackageDefinition, from: string, to: string): PackageDefinition {
  return replaceFiles(definition, ({ url }) => {
    const location = parseAssetLocation(url);
    if (location.kind !== "path" || path.isAbsolute(location.path)) return url;
    const moved = path.relative(to, path.resolve(from, location.path)).split(path.sep).join("/");
    // A name such as `a:b` would be read as a URL.
    return parseAssetLocation(moved).kind === "path" ? moved : `./${moved}`;
  });
}

async function writeWhole(file: string, bytes: Buffer): Promise<void> {
  const staged = path.join(path.dirname(file), `.${path.basename(file)}.${randomUUID()}`);
  try {
    const handle = await open(staged, "wx", 0o644);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(staged, file);
  } finally {
    await rm(staged, { force: true });
  }
}
