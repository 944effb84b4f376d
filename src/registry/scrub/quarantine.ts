/**
 * Takes damaged content out of service.
 *
 * The record goes by compare-and-swap, like any record that goes, from exactly the state that was
 * found: readers are told that the content was damaged, and whoever pushes it again replaces it. What
 * is left of the bytes is kept aside for the operator, a bounded amount of it, and then deleted where
 * it was; readers who still know the old record find nothing there.
 */
import type { Digest } from "../../oci/digest.ts";
import { unlessChanged } from "../../storage/document.ts";
import type { Documents } from "../../storage/documents.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import { ObjectDamaged, ObjectNotFound, StoreFull } from "../../storage/store-error.ts";
import { type BlobRecord, isPresent, type RecordDocument } from "../blob-record.ts";
import { layout, originOfData } from "../layout.ts";
import type { KeptData } from "./damage.ts";

/** Objects that are kept, and bytes of each: 2 GiB in all. */
const mostKept = 32;
const longestKept = 64 * 1024 * 1024;

export class Quarantine {
  readonly #store: ObjectStore;
  readonly #documents: Documents;
  readonly #now: () => number;

  /** @param now milliseconds since 1970, only for names */
  constructor(store: ObjectStore, documents: Documents, now: () => number = Date.now) {
    this.#store = store;
    this.#documents = documents;
    this.#now = now;
  }

  /**
   * @param record as it was when its content was found damaged
   * @returns what is kept, undefined when the record has changed since: then nothing was done
   */
  async take(digest: Digest, record: RecordDocument): Promise<readonly KeptData[] | undefined> {
    const keys = isPresent(record) ? ownKeys(digest, record.value) : [];
    const value: BlobRecord = { state: "gone", last: keys, damaged: true };
    const taken = await this.#documents.replace<BlobRecord>(record, { value }).catch(unlessChanged);
    if (taken === undefined) return undefined;
    const kept = await this.#keep(digest, record, keys).catch(unlessFull);
    // The keys are offered to nobody again, so deleting them late or twice harms nobody.
    for (const key of keys) await this.#store.delete(key);
    return kept ?? [];
  }

  async #keep(
    digest: Digest,
    record: RecordDocument,
    keys: readonly string[],
  ): Promise<KeptData[]> {
    await this.#makeRoom();
    const target = layout.newQuarantined(digest, this.#now());
    const staged = await this.#store.stage(target);
    try {
      let size = 0;
      for await (const chunk of this.#rest(record, keys)) {
        await staged.append(chunk);
        size += chunk.byteLength;
        if (size >= longestKept) break;
      }
      if (size > 0) return [{ key: target, size: await staged.commit() }];
      await staged.abort();
      return [];
    } catch (error) {
      await staged.abort();
      throw error;
    }
  }

  /** All that can still be read. */
  async *#rest(record: RecordDocument, keys: readonly string[]): AsyncGenerator<Uint8Array> {
    if (record.content.byteLength > 0) yield record.content;
    for (const key of keys) {
      try {
        yield* await this.#store.read(key);
      } catch (error) {
        if (!(error instanceof ObjectNotFound || error instanceof ObjectDamaged)) throw error;
      }
    }
  }

  async #makeRoom(): Promise<void> {
    const { keys } = await this.#store.list(layout.quarantine, { limit: mostKept + 1 });
    const excess = keys.slice(0, Math.max(0, keys.length - mostKept + 1));
    for (const oldest of excess) await this.#store.delete(oldest);
  }
}

/** A record may be damaged itself: it must not lead to the data of others. */
function ownKeys(digest: Digest, { segments = [] }: { segments?: readonly { key: string }[] }) {
  return segments
    .map(({ key }) => key)
    .filter((key) => {
      const origin = originOfData(key);
      return origin !== undefined && (!("digest" in origin) || origin.digest === digest);
    });
}

/** Evidence is no reason to need room. */
function unlessFull(error: unknown): undefined {
  if (!(error instanceof StoreFull)) throw error;
}
