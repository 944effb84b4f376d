/**
 * The files of an image or of an archive before they are written: names, modes, and where the bytes are.
 *
 * Sorted and without times, so that equal input gives equal bytes.
 */
import { chmod, chown, cp, mkdir, readdir, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";

export type TreeEntry =
  | (TreeEntryBase & { readonly kind: "file"; readonly source: string | Buffer })
  | (TreeEntryBase & { readonly kind: "directory" })
  | (TreeEntryBase & { readonly kind: "link"; readonly target: string });

interface TreeEntryBase {
  /** Without a leading slash. */
  readonly path: string;
  /** 0755 for directories, 0644 for files unless told. */
  readonly mode?: number;
  /** User and group; root unless told. */
  readonly owner?: number;
}

/** A file with known content. */
export function textFile(name: string, text: string, mode = 0o644): TreeEntry {
  return { kind: "file", path: name, source: Buffer.from(text), mode };
}

/** The regular files below a directory that `wanted` takes, under another name. */
export async function filesBelow(
  directory: string,
  under: string,
  wanted: (name: string) => boolean = () => true,
): Promise<TreeEntry[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => wanted(path.relative(directory, file)))
    .map((source) => ({
      kind: "file",
      path: path.posix.join(under, path.relative(directory, source).split(path.sep).join("/")),
      source,
    }));
}

/** All entries by name, each directory before what is in it, directories that are missing added. */
export function completeTree(entries: readonly TreeEntry[]): TreeEntry[] {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  for (const { path: name } of entries) {
    for (let at = path.posix.dirname(name); at !== "."; at = path.posix.dirname(at)) {
      if (!byPath.has(at)) byPath.set(at, { kind: "directory", path: at });
    }
  }
  return [...byPath.values()].sort((one, other) => (one.path < other.path ? -1 : 1));
}

/** Bytes of a file; 0 for anything else. */
export async function sizeOf(entry: TreeEntry): Promise<number> {
  if (entry.kind !== "file") return 0;
  return typeof entry.source === "string"
    ? (await stat(entry.source)).size
    : entry.source.byteLength;
}

/** Writes a complete tree into a directory. Changing owners needs root. */
export async function writeTree(tree: readonly TreeEntry[], directory: string): Promise<void> {
  for (const entry of tree) {
    const target = path.join(directory, entry.path);
    if (entry.kind === "link") await symlink(entry.target, target);
    else await writeNode(target, entry);
  }
}

async function writeNode(
  target: string,
  entry: Exclude<TreeEntry, { kind: "link" }>,
): Promise<void> {
  if (entry.kind === "directory") await mkdir(target, { recursive: true });
  else if (typeof entry.source === "string") await cp(entry.source, target, { dereference: true });
  else await writeFile(target, entry.source);
  await chmod(target, modeOf(entry));
  if (entry.owner !== undefined) await chown(target, entry.owner, entry.owner);
}

export function modeOf(entry: TreeEntry): number {
  if (entry.kind === "link") return 0o777;
  return entry.mode ?? (entry.kind === "directory" ? 0o755 : 0o644);
}
