/**
 * Data of upload sessions that are over: named by some record, or by none.
 *
 * The key does not say which record that would be, so all are read, once for all keys, after the
 * sessions were seen to be gone. What is named is remembered; the rest is deleted.
 */
import type { Documents } from "../../storage/documents.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import type { BlobRecord } from "../blob-record.ts";
import { layout, originOfData } from "../layout.ts";
import type { Cycle } from "./cycle.ts";
import type { DataKeys } from "./data-keys.ts";
import { FingerprintTable, fingerprintOfHex } from "./fingerprint-table.ts";
import { listPages } from "./listing.ts";

export class UndecidedKeys {
  readonly #store: ObjectStore;
  readonly #documents: Documents;
  readonly #keys: DataKeys;
  readonly #undecided = new FingerprintTable(0);

  constructor(store: ObjectStore, documents: Documents, keys: DataKeys) {
    this.#store = store;
    this.#documents = documents;
    this.#keys = keys;
  }

  add(key: string): void {
    const origin = originOfData(key);
    if (origin) this.#undecided.set(fingerprintOfHex(origin.random));
  }

  /** @throws when any record cannot be read: it might name the data */
  async sweep(cycle: Cycle, remove: (key: string) => Promise<void>): Promise<void> {
    if (this.#undecided.size === 0) return;
    const listing = { store: this.#store, pace: cycle.pace, signal: cycle.signal };
    for await (const page of listPages(listing, layout.records, { stamps: false })) {
      await cycle.pace.each(page, async ({ key }) => {
        await cycle.next();
        const record = await this.#documents.read<BlobRecord>(key);
        if (record) this.#keys.learn(record.value);
      });
    }
    for await (const page of listPages(listing, layout.uploaded, { stamps: false })) {
      const orphans = page.filter(({ key }) => this.#has(key) && !this.#keys.isNamed(key));
      await cycle.pace.each(orphans, ({ key }) => cycle.tolerate(() => remove(key)));
    }
  }

  #has(key: string): boolean {
    const origin = originOfData(key);
    return origin !== undefined && this.#undecided.has(fingerprintOfHex(origin.random));
  }
}
