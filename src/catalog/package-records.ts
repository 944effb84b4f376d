/** Package records: immutable documents named by the hash of their content, read once per process. */
import { type Digest, digestOf } from "../oci/digest.ts";
import { layout } from "../registry/layout.ts";
import { type Documents, unlessChanged } from "../storage/document.ts";
import { ObjectDamaged } from "../storage/store-error.ts";
import type { PackageRecord } from "./package-record.ts";

/** In place of a record that cannot be read: it can only become what its name says. */
const damaged: unknown = {};

export class PackageRecords {
  readonly #documents: Documents;
  readonly #known = new Map<Digest, PackageRecord>();

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  async write(record: PackageRecord): Promise<Digest> {
    const digest = digestOf(JSON.stringify(record));
    const key = layout.package(digest);
    const present = await this.#documents.readOver(key, damaged);
    if (present === undefined) {
      // Whoever was first has written the same.
      await this.#documents.create(key, { value: record }).catch(unlessChanged);
    } else if (present.value === damaged) {
      await this.#documents.replace(present, { value: record }).catch(unlessChanged);
    }
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
