/** Package records: immutable documents named by the hash of their content, read once per process. */
import { type Digest, digestOf } from "../oci/digest.ts";
import { layout } from "../registry/layout.ts";
import { DocumentChanged, type Documents } from "../storage/document.ts";
import { ObjectDamaged } from "../storage/store-error.ts";
import type { PackageRecord } from "./package-record.ts";

export class PackageRecords {
  readonly #documents: Documents;
  readonly #known = new Map<Digest, PackageRecord>();

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  async write(record: PackageRecord): Promise<Digest> {
    const digest = digestOf(JSON.stringify(record));
    await this.#documents.create(layout.package(digest), { value: record }).catch((error) => {
      if (!(error instanceof DocumentChanged)) throw error; // the same content is there already
    });
    return digest;
  }

  /** @throws {ObjectDamaged} when a record that the catalogue names is not there */
  async read(digest: Digest): Promise<PackageRecord> {
    const known = this.#known.get(digest);
    if (known) return known;
    const key = layout.package(digest);
    const document = await this.#documents.read<PackageRecord>(key);
    if (document === undefined) throw new ObjectDamaged(key, "it is missing");
    this.#known.set(digest, document.value);
    return document.value;
  }
}
