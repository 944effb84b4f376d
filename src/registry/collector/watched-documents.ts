/**
 * Documents below a prefix, and since when this process has seen each of them unchanged.
 *
 * One is read when it is new or its stamp has changed; of what was read only the part that the caller
 * wants is kept.
 */
import { unlessChanged } from "../../storage/document.ts";
import type { Documents } from "../../storage/documents.ts";
import type { ObjectStore, Revision } from "../../storage/object-store.ts";
import { ObjectDamaged } from "../../storage/store-error.ts";
import type { Cycle } from "./cycle.ts";
import { type ListedKey, listPages } from "./listing.ts";

export interface Watched<Kept> {
  readonly key: string;
  readonly kept: Kept;
  readonly revision: Revision;
  /** When this process first saw this revision. */
  readonly sinceMs: number;
  readonly stamp: string | undefined;
}

export interface WatchedOptions<Value, Kept> {
  readonly prefix: string;
  /** @throws {ObjectDamaged} where the value is not what it should be */
  readonly keep: (key: string, value: Value) => Kept;
  /** Whether they may be removed by others, between being listed and being read. */
  readonly removable?: boolean;
  /** Passes over what cannot be read, and counts it. Never for roots: what they keep is not known then. */
  readonly skipDamaged?: boolean;
}

export class WatchedDocuments<Value, Kept> {
  readonly #store: ObjectStore;
  readonly #documents: Documents;
  readonly #options: WatchedOptions<Value, Kept>;
  #seen: ReadonlyMap<string, Watched<Kept>> = new Map();

  constructor(store: ObjectStore, documents: Documents, options: WatchedOptions<Value, Kept>) {
    this.#store = store;
    this.#documents = documents;
    this.#options = options;
  }

  /** As of the last scan that came to its end. */
  get all(): Iterable<Watched<Kept>> {
    return this.#seen.values();
  }

  of(key: string): Watched<Kept> | undefined {
    return this.#seen.get(key);
  }

  /**
   * Every document as it is now or was after the scan began.
   *
   * @param each told of each as soon as it is known
   * @throws when any of them cannot be read, unless that is passed over; what was seen before stays
   */
  async scan(cycle: Cycle, each: (seen: Watched<Kept>) => void = ignore): Promise<void> {
    const next = new Map<string, Watched<Kept>>();
    const listing = { store: this.#store, pace: cycle.pace, signal: cycle.signal };
    for await (const page of listPages(listing, this.#options.prefix)) {
      await cycle.pace.each(page, async (listed) => {
        const seen = await this.#lookOrSkip(listed, cycle);
        if (seen === undefined) return;
        next.set(listed.key, seen);
        each(seen);
      });
    }
    this.#seen = next;
  }

  async #lookOrSkip(listed: ListedKey, cycle: Cycle): Promise<Watched<Kept> | undefined> {
    if (!this.#options.skipDamaged) return this.#look(listed, cycle);
    let seen: Watched<Kept> | undefined;
    await cycle.tolerate(async () => {
      seen = await this.#look(listed, cycle);
    });
    return seen;
  }

  /**
   * Changes a document if it is still in the version that was watched.
   *
   * @param change gets its newest value, which is the one that was watched; undefined leaves it
   * @returns whether it was changed
   */
  async change(
    { key, revision }: Watched<Kept>,
    cycle: Cycle,
    change: (value: Value) => Value | undefined,
  ): Promise<boolean> {
    if (!cycle.acting) return false;
    await cycle.next();
    const current = await this.#documents.read<Value>(key);
    if (current?.revision !== revision) return false;
    const value = change(current.value);
    if (value === undefined) return false;
    return (await this.#documents.replace(current, { value }).catch(unlessChanged)) !== undefined;
  }

  async #look({ key, stamp }: ListedKey, cycle: Cycle): Promise<Watched<Kept> | undefined> {
    const before = this.#seen.get(key);
    if (before && stamp !== undefined && before.stamp === stamp) return before;
    await cycle.next();
    const document = await this.#documents.read<Value>(key);
    if (document === undefined) {
      if (this.#options.removable) return undefined;
      throw new ObjectDamaged(key, "it is listed, and not there");
    }
    const { revision, value } = document;
    if (before?.revision === revision) return { ...before, stamp };
    return { key, kept: this.#options.keep(key, value), revision, sinceMs: cycle.now(), stamp };
  }
}

/** For scans that are only made for what they leave behind. */
function ignore(): void {}
