/**
 * Names of tags as the object store lists them, without reading a single tag.
 *
 * A key `<tag>!<random>` is a hint that the tag may be deleted. No character of a tag sorts before
 * `!`, so hints stand directly behind the tag that they belong to.
 */
import type { ObjectStore } from "../storage/object-store.ts";

export interface ListedTag {
  readonly tag: string;
  /** Whether its document has to be read to know if it is there. */
  readonly hinted: boolean;
}

const largestListing = 1000;

/**
 * In byte order, in batches as the store gives them.
 *
 * @param after key behind which the names are wanted
 * @param ahead how many names the caller will want
 */
export async function* listTagNames(
  store: ObjectStore,
  prefix: string,
  after: string,
  ahead: number,
): AsyncGenerator<ListedTag[]> {
  const limit = Math.min(Math.max(ahead, 1), largestListing);
  let position = after;
  let open: ListedTag | undefined; // its hints may be on the next page
  for (let more = true; more; ) {
    const page = await store.list(prefix, { after: position, limit });
    const found: ListedTag[] = [];
    for (const key of page.keys) {
      const [tag = "", hint] = key.slice(prefix.length).split("!");
      if (hint === undefined) {
        if (open) found.push(open);
        open = { tag, hinted: false };
      } else if (open?.tag === tag) {
        open = { tag, hinted: true };
      }
    }
    position = page.keys.at(-1) ?? position;
    more = page.more;
    if (!more && open) found.push(open);
    yield found;
  }
}
