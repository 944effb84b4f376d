/** The npm packages that the product runs with, as the lock file names them: no development tools. */
import { readFile } from "node:fs/promises";
import path from "node:path";

export interface NpmPackage {
  /** Below the project, `node_modules/express`. */
  readonly directory: string;
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

interface LockFile {
  readonly packages: Readonly<
    Record<string, { version?: string; license?: string; dev?: boolean; optional?: boolean }>
  >;
}

/** Sorted by directory. */
export async function productionPackages(project: string): Promise<NpmPackage[]> {
  const text = await readFile(path.join(project, "package-lock.json"), "utf8");
  const { packages } = JSON.parse(text) as LockFile;
  return Object.entries(packages)
    .filter(([directory, { dev, optional }]) => directory !== "" && !dev && !optional)
    .map(([directory, { version = "", license = "" }]) => ({
      directory,
      name: directory.slice(directory.lastIndexOf("node_modules/") + "node_modules/".length),
      version,
      license,
    }))
    .sort((one, other) => (one.directory < other.directory ? -1 : 1));
}

/** What a running program reads: neither types nor maps nor pages for people, but all licences. */
export function isRuntimeFile(name: string): boolean {
  if (/(?:^|\/)(?:licen[cs]e|notice|copying)[^/]*$/i.test(name)) return true;
  if (/(?:^|\/)node_modules\//.test(name)) return false; // those are packages of their own
  return !/(?:\.d\.[cm]?ts|\.[cm]?ts|\.map|\.md|\.markdown|\.tsbuildinfo|\.yml|\.flow)$/i.test(
    name,
  );
}
