/** What must hold in the store at any moment, read straight from it. */
import assert from "node:assert/strict";
import type { Digest } from "../../../src/oci/digest.ts";
import type { BlobRecord } from "../../../src/registry/blob-record.ts";
import { layout } from "../../../src/registry/layout.ts";
import type { ManifestLink } from "../../../src/registry/manifest-link.ts";
import { Documents } from "../../../src/storage/document.ts";
import type { ObjectStore } from "../../../src/storage/object-store.ts";
import { allKeys } from "../../storage/bytes.ts";
import { repository } from "../content.ts";
import { digestOfRecord, keysIn } from "./reference-collector.ts";

/** I1 and I5: what is visible is whole, and what was acknowledged and not deleted is visible. */
export async function checkLinks(store: ObjectStore, must: Iterable<Digest>): Promise<void> {
  const documents = new Documents(store);
  const visible = new Set<string>();
  for (const key of await allKeys(store, "link/")) {
    const value = (await documents.read<ManifestLink>(key))?.value;
    if (value?.state !== "committed") continue;
    visible.add(key);
    for (const digest of value.closure) {
      const record = await documents.read<BlobRecord>(layout.record(digest));
      const state = record?.value.state ?? "none";
      assert.ok(state === "live" || state === "condemned", `${key} needs ${digest}: ${state}`);
    }
  }
  for (const digest of must) {
    assert.ok(visible.has(layout.link(repository, digest)), `${digest} was acknowledged`);
  }
}

/** I2: no data that a record names is missing. */
export async function checkData(store: ObjectStore): Promise<void> {
  const documents = new Documents(store);
  for (const key of await allKeys(store, "rec/")) {
    const record = (await documents.read<BlobRecord>(key))?.value;
    for (const data of record ? keysIn(record) : []) {
      assert.notEqual(await store.stat(data), undefined, `${key} names ${data}`);
    }
  }
}

/** I4: after the collector has run alone, only what is reachable is left. */
export async function checkCollected(store: ObjectStore): Promise<void> {
  const reachable = await reachableDigests(store);
  const documents = new Documents(store);
  const named = new Set<string>();
  for (const key of await allKeys(store, "rec/")) {
    const record = (await documents.read<BlobRecord>(key))?.value;
    if (!record || record.state === "gone") continue;
    assert.ok(reachable.has(digestOfRecord(key)), `${key} is ${record.state} and not reachable`);
    for (const data of keysIn(record)) named.add(data);
  }
  const data = await allKeys(store, "data/");
  assert.deepEqual(
    data.filter((key) => !named.has(key)),
    [],
    "data that no record names",
  );
}

async function reachableDigests(store: ObjectStore): Promise<Set<Digest>> {
  const documents = new Documents(store);
  const reachable = new Set<Digest>();
  for (const key of await allKeys(store, "link/")) {
    const value = (await documents.read<ManifestLink>(key))?.value;
    if (value?.state === "committed") for (const digest of value.closure) reachable.add(digest);
    else assert.equal(value?.state, "deleted", key);
  }
  return reachable;
}
