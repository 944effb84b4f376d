/** Single steps of the collector and the sweeper, for playing them out between other requests. */
import { randomBytes } from "node:crypto";
import type { Digest } from "../../src/oci/digest.ts";
import type { BlobRecord } from "../../src/registry/blob-record.ts";
import { layout } from "../../src/registry/layout.ts";
import { Documents } from "../../src/storage/documents.ts";
import type { ObjectStore } from "../../src/storage/object-store.ts";

export class CollectorByHand {
  readonly #store: ObjectStore;
  readonly #documents: Documents;

  constructor(store: ObjectStore) {
    this.#store = store;
    this.#documents = new Documents(store);
  }

  async record(digest: Digest): Promise<BlobRecord | undefined> {
    return (await this.#documents.read<BlobRecord>(layout.record(digest)))?.value;
  }

  /** live → condemned */
  async condemn(digest: Digest): Promise<void> {
    await this.#documents.update<BlobRecord>(layout.record(digest), (record) => {
      if (record?.state !== "live") throw new Error(`${digest} is not live`);
      return { ...record, state: "condemned" };
    });
  }

  /** condemned → gone, then its data */
  async collect(digest: Digest): Promise<void> {
    let keys: string[] = [];
    await this.#documents.update<BlobRecord>(layout.record(digest), (record) => {
      if (record?.state !== "condemned") throw new Error(`${digest} is not condemned`);
      keys = (record.segments ?? []).map(({ key }) => key);
      return { state: "gone", last: keys };
    });
    for (const key of keys) await this.#store.delete(key);
  }

  /** Moves a record that names nothing, so that a late writer's version is stale; then the orphan goes. */
  async sweep(digest: Digest, orphan?: string): Promise<void> {
    await this.#documents.update<BlobRecord>(layout.record(digest), (record) => {
      if (record !== undefined && record.state !== "gone") throw new Error("the record has data");
      return { state: "gone", last: [`nonce-${randomBytes(6).toString("hex")}`] };
    });
    if (orphan) await this.#store.delete(orphan);
  }
}
