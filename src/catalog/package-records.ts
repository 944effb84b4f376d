/**
 * Package records: immutable documents named by the hash of their content, read once per process.
 *
 * One that no entry names any more is cleared by the collector, and leaves a tombstone. So a record is
 * written behind the entry that names it, and anew also when it is there.
 */
import { type Digest, digestOf } from "../oci/digest.ts";
import { layout } from "../registry/layout.ts";
import type { Documents } from "../storage/documents.ts";
import { ObjectDamaged } from "../storage/store-error.ts";
import type { PackageRecord } from "./package-record.ts";

/** What stands in place of a record that was cleared. */
export interface ClearedRecord {
  readonly state: "deleted";
}

export type StoredRecord = PackageRecord | ClearedRecord;

export const clearedRecord: ClearedRecord = { state: "deleted" };

/** Names the record, before it is written, too. */
export function digestOfRecord(record: PackageRecord): Digest {
  return digestOf(JSON.stringify(record));
}

export function isCleared(record: StoredRecord | undefined): record is ClearedRecord {
  return record !== undefined && "state" in record;
}

export class PackageRecords {
  readonly #documents: Documents;
  readonly #known = new Map<Digest, PackageRecord>();

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  /** Whatever is there, damaged or cleared, can only become what its name says. */
  async write(record: PackageRecord): Promise<void> {
    const key = layout.package(digestOfRecord(record));
    await this.#documents.update<StoredRecord>(key, () => record, clearedRecord);
  }

  /** @throws {ObjectDamaged} when a record that the catalogue names is not there */
  async read(digest: Digest): Promise<PackageRecord> {
    const record = await this.find(digest);
    if (record === undefined) throw new ObjectDamaged(layout.package(digest), "it is missing");
    return record;
  }

  /** @returns undefined for one that is not written yet, or cleared */
  async find(digest: Digest): Promise<PackageRecord | undefined> {
    const known = this.#known.get(digest);
    if (known) return known;
    const record = (await this.#documents.read<StoredRecord>(layout.package(digest)))?.value;
    if (record === undefined || isCleared(record)) return undefined;
    this.#known.set(digest, record);
    return record;
  }
}
