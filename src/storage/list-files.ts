/**
 * Object keys below a directory, in byte order, page by page.
 *
 * Directories are read one at a time and only where a page can reach, so a page of a flat prefix
 * costs one directory read. A name that is being replaced by rename stays listed.
 */
import { readdir } from "node:fs/promises";
import path from "node:path";
import type { ListPage } from "./object-store.ts";

export async function listFiles(
  root: string,
  prefix: string,
  after: string,
  limit: number,
): Promise<ListPage> {
  const keys: string[] = [];
  for await (const key of walk(root, prefix, after)) {
    if (keys.length === limit) return { keys, more: true };
    keys.push(key);
  }
  return { keys, more: false };
}

async function* walk(root: string, prefix: string, after: string): AsyncGenerator<string> {
  for (const name of await sortedNames(path.join(root, prefix))) {
    const key = prefix + name;
    if (!key.endsWith("/")) {
      if (key > after) yield key;
    } else if (key > after || after.startsWith(key)) {
      yield* walk(root, key, after);
    }
  }
}

/** Directories carry a trailing `/`, so that they sort where their keys do. */
async function sortedNames(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}
