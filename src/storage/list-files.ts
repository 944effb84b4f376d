/**
 * Object keys below a directory, in byte order, page by page.
 *
 * Only directories that a page can reach are looked at, one at a time. A name that is being replaced
 * by rename stays listed.
 */
import type { ListPage } from "./object-store.ts";
import { unlessAbsent } from "./platform-error.ts";

/** @returns names directly below a prefix, in order; those of directories end with `/` */
export type SortedNames = (prefix: string) => Promise<readonly string[]>;

interface Listing {
  readonly namesBelow: SortedNames;
  readonly after: string;
  /** Keys that are wanted, one more than the page holds. */
  readonly wanted: number;
  readonly keys: string[];
}

export async function listFiles(
  namesBelow: SortedNames,
  prefix: string,
  after: string,
  limit: number,
): Promise<ListPage> {
  const keys: string[] = [];
  await collect({ namesBelow, after, wanted: limit + 1, keys }, prefix);
  return { keys: keys.slice(0, limit), more: keys.length > limit };
}

async function collect(listing: Listing, prefix: string): Promise<void> {
  const { namesBelow, after, wanted, keys } = listing;
  const names = (await unlessAbsent(namesBelow(prefix))) ?? [];
  for (let at = startOf(names, prefix, after); at < names.length && keys.length < wanted; at += 1) {
    const key = `${prefix}${names[at]}`;
    if (!key.endsWith("/")) {
      if (key > after) keys.push(key);
    } else if (key > after || after.startsWith(key)) {
      await collect(listing, key);
    }
  }
}

/** Where the first name stands that can lead behind `after`: found by halving. */
function startOf(names: readonly string[], prefix: string, after: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (`${prefix}${names[middle]}` <= after) low = middle + 1;
    else high = middle;
  }
  // The directory that holds `after` stands in front of what is behind it.
  return Math.max(low - 1, 0);
}
