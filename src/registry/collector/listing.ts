/** Every key below a prefix, page by page, so that a million of them are never held at once. */
import type { ObjectStore } from "../../storage/object-store.ts";
import type { Pace } from "./pace.ts";

/** So many keys of a page, stamped one by one on a disk, cost as much as reading one document. */
const keysPerRequest = 20;

export interface ListedKey {
  readonly key: string;
  /** Undefined where the object may have changed, and has to be looked at. */
  readonly stamp: string | undefined;
}

export interface Listing {
  readonly store: ObjectStore;
  readonly pace: Pace;
  readonly signal: AbortSignal;
}

/** @param options.stamps not asked for where nobody looks at them */
export async function* listPages(
  { store, pace, signal }: Listing,
  prefix: string,
  { stamps = true }: { stamps?: boolean } = {},
): AsyncGenerator<ListedKey[]> {
  let after = "";
  for (let more = true; more; ) {
    await pace.next(signal);
    const page = await store.list(prefix, { after, stamps });
    pace.charge(page.keys.length / keysPerRequest);
    yield page.keys.map((key, at) => ({ key, stamp: page.stamps?.[at] }));
    after = page.keys.at(-1) ?? after;
    more = page.more;
  }
}
