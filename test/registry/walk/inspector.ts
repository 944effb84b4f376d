/** What must hold in the store at any moment, read straight from it. */
import assert from "node:assert/strict";
import type { Digest } from "../../../src/oci/digest.ts";
import type { BlobRecord } from "../../../src/registry/blob-record.ts";
import { digestOfRecordKey, layout, tagOfKey } from "../../../src/registry/layout.ts";
import type { ManifestLink } from "../../../src/registry/manifest-link.ts";
import type { Tag } from "../../../src/registry/tag-document.ts";
import type { Document } from "../../../src/storage/document.ts";
import { Documents } from "../../../src/storage/documents.ts";
import type { ObjectStore } from "../../../src/storage/object-store.ts";
import { allKeys } from "../../storage/bytes.ts";
import { repository } from "../content.ts";

export class Inspector {
  readonly #store: ObjectStore;
  readonly #documents: Documents;
  /** As last read, so that what has not changed is not parsed again. */
  readonly #known = new Map<string, Document<unknown>>();

  constructor(store: ObjectStore) {
    this.#store = store;
    this.#documents = new Documents(store);
  }

  /** @param must manifests that were acknowledged and not deleted */
  async check(must: Iterable<Digest>): Promise<void> {
    await this.#checkData();
    await this.#checkLinks(must);
  }

  /** I1 and I5: what is visible is whole, and what was acknowledged and not deleted is visible. */
  async #checkLinks(must: Iterable<Digest>): Promise<void> {
    const visible = new Set<string>();
    for (const key of await allKeys(this.#store, "link/")) {
      const value = await this.#read<ManifestLink>(key);
      if (value?.state !== "committed") continue;
      visible.add(key);
      for (const digest of value.closure) {
        const state = (await this.#read<BlobRecord>(layout.record(digest)))?.state ?? "none";
        assert.ok(state === "live" || state === "condemned", `${key} needs ${digest}: ${state}`);
      }
    }
    for (const digest of must) {
      assert.ok(visible.has(layout.link(repository, digest)), `${digest} was acknowledged`);
    }
  }

  /** I2: no data that a record names is missing. */
  async #checkData(): Promise<void> {
    for (const key of await allKeys(this.#store, "rec/")) {
      for (const data of keysIn(await this.#read<BlobRecord>(key))) {
        assert.notEqual(await this.#store.stat(data), undefined, `${key} names ${data}`);
      }
    }
  }

  /** I4: after the collector has run alone, only what is reachable is left. */
  async checkCollected(): Promise<void> {
    const reachable = await this.#reachable();
    const named = new Set<string>();
    for (const key of await allKeys(this.#store, "rec/")) {
      const record = await this.#read<BlobRecord>(key);
      if (!record || record.state === "gone") continue;
      assert.ok(reachable.has(digestOfRecordKey(key)), `${key} is ${record.state}, not reachable`);
      for (const data of keysIn(record)) named.add(data);
    }
    const data = await allKeys(this.#store, "data/");
    const orphans = data.filter((key) => !named.has(key));
    assert.deepEqual(orphans, [], "data that no record names");
    assert.deepEqual(await allKeys(this.#store, "session/"), [], "sessions that are over");
    await this.#checkHints();
  }

  async #checkHints(): Promise<void> {
    const keys = await allKeys(this.#store, "tag/");
    const tags = keys.filter((key) => tagOfKey(key).hint === undefined);
    const values = await Promise.all(tags.map((key) => this.#read<Tag>(key)));
    const named = values.map((tag) => (tag?.state === "deleted" ? tag.hint : undefined));
    const stale = keys.filter((key) => !tags.includes(key) && !named.includes(key));
    assert.deepEqual(stale, [], "hints that no tombstone names");
  }

  async #reachable(): Promise<Set<Digest>> {
    const reachable = new Set<Digest>();
    for (const key of await allKeys(this.#store, "link/")) {
      const value = await this.#read<ManifestLink>(key);
      if (value?.state === "committed") for (const digest of value.closure) reachable.add(digest);
      else assert.equal(value?.state, "deleted", key);
    }
    return reachable;
  }

  async #read<T>(key: string): Promise<T | undefined> {
    const known = this.#known.get(key) as Document<T> | undefined;
    const document = await this.#documents.read<T>(key, known);
    if (document) this.#known.set(key, document);
    return document?.value;
  }
}

function keysIn(record: BlobRecord | undefined): string[] {
  if (record === undefined || record.state === "gone") return [];
  return (record.segments ?? []).map(({ key }) => key);
}
