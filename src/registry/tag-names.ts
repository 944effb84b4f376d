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
  const limit = Math.min(ahead + 1, largestListing); // one more: the last name is held back
  let open: ListedTag[] = []; // the last tag: its hints may be on the next page
  let position = after;
  for (let more = true; more; ) {
    const page = await store.list(prefix, { after: position, limit });
    const found = gathered(
      open,
      page.keys.map((key) => key.slice(prefix.length)),
    );
    position = page.keys.at(-1) ?? position;
    more = page.more;
    open = more ? found.splice(-1) : [];
    yield found;
  }
}

/** Each hint goes to the tag in front of it; one whose tag is on no page belongs to nobody here. */
function gathered(before: readonly ListedTag[], names: readonly string[]): ListedTag[] {
  const found = [...before];
  for (const name of names) {
    const [tag = "", hint] = name.split("!");
    if (hint === undefined) found.push({ tag, hinted: false });
    else if (found.at(-1)?.tag === tag) found.splice(-1, 1, { tag, hinted: true });
  }
  return found;
}
