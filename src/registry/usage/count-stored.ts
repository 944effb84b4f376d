/**
 * Counts the bytes of all content: blobs with their records, uploads under way, damaged content that
 * was put aside, and what nobody names any more. The other documents are few and small.
 *
 * Sizes come with the listing, so a bucket is asked once for a thousand objects.
 */
import type { ObjectStore } from "../../storage/object-store.ts";
import type { Pace } from "../collector/pace.ts";
import { layout } from "../layout.ts";
import type { UsageJournal } from "./usage-journal.ts";

/** Sizes of so many keys of a page cost as much, on a disk, as reading one document. */
const keysPerRequest = 20;

export interface CountOptions {
  readonly pace: Pace;
  readonly signal: AbortSignal;
  /** False for who changes nothing: then only the answer tells. */
  readonly recorded: boolean;
}

export class StoredCount {
  readonly #store: ObjectStore;
  readonly #journal: UsageJournal | undefined;

  /** @param journal that is told of each count; none where nobody asks it */
  constructor(store: ObjectStore, journal?: UsageJournal) {
    this.#store = store;
    this.#journal = journal;
  }

  /** @returns bytes; of what was written meanwhile all, some or nothing */
  async take(options: CountOptions): Promise<number> {
    const journal = options.recorded ? this.#journal : undefined;
    const count = await journal?.beginCount();
    let bytes = 0;
    for (const prefix of [layout.data, layout.records, layout.quarantine]) {
      bytes += await this.#below(prefix, options);
    }
    if (count) await journal?.endCount(count, bytes);
    return bytes;
  }

  async #below(prefix: string, { pace, signal }: CountOptions): Promise<number> {
    let bytes = 0;
    let after = "";
    for (let more = true; more; ) {
      await pace.next(signal);
      const page = await this.#store.list(prefix, { after, sizes: true });
      pace.charge(page.keys.length / keysPerRequest);
      for (const size of page.sizes ?? []) bytes += size ?? 0;
      after = page.keys.at(-1) ?? after;
      more = page.more;
    }
    return bytes;
  }
}
