/** How much of a store nothing references: read straight from its documents. */
import type { Digest } from "../../src/oci/digest.ts";
import type { BlobRecord, PresentRecord } from "../../src/registry/blob-record.ts";
import { digestOfRecordKey, layout } from "../../src/registry/layout.ts";
import type { ManifestLink } from "../../src/registry/manifest-link.ts";
import { Documents } from "../../src/storage/documents.ts";
import type { ObjectStore } from "../../src/storage/object-store.ts";
import { allKeys } from "../storage/bytes.ts";

export interface StoredGarbage {
  /** Blobs that are here and in no closure, and data that no record names. */
  readonly objects: number;
  readonly bytes: number;
  /** Digests of visible manifests' closures that are not here. */
  readonly dangling: readonly Digest[];
  /** Documents of upload sessions. */
  readonly sessions: number;
}

export async function measureGarbage(store: ObjectStore): Promise<StoredGarbage> {
  const documents = new Documents(store);
  const { wanted, visible } = await namedDigests(store, documents);
  const records = await presentRecords(store, documents);
  const named = new Set(records.flatMap(({ segments }) => (segments ?? []).map(({ key }) => key)));
  const unwanted = records.filter(({ digest }) => !wanted.has(digest)).map(({ size }) => size);
  const orphans = (await allKeys(store, layout.data)).filter((key) => !named.has(key));
  const sizes = await Promise.all(orphans.map(async (key) => (await store.stat(key)) ?? 0));
  const here = new Set(records.map(({ digest }) => digest));
  return {
    objects: unwanted.length + orphans.length,
    bytes: [...unwanted, ...sizes].reduce((sum, size) => sum + size, 0),
    dangling: [...visible].filter((digest) => !here.has(digest)),
    sessions: (await allKeys(store, layout.sessions)).length,
  };
}

/** A manifest whose putting has broken off keeps its closure, but nobody sees it: it may lack some. */
async function namedDigests(
  store: ObjectStore,
  documents: Documents,
): Promise<{ wanted: Set<Digest>; visible: Set<Digest> }> {
  const [wanted, visible] = [new Set<Digest>(), new Set<Digest>()];
  for (const key of await allKeys(store, layout.links)) {
    const link = (await documents.read<ManifestLink>(key))?.value;
    if (link === undefined || link.state === "deleted") continue;
    for (const digest of link.closure) {
      wanted.add(digest);
      if (link.state === "committed") visible.add(digest);
    }
  }
  return { wanted, visible };
}

async function presentRecords(
  store: ObjectStore,
  documents: Documents,
): Promise<(PresentRecord & { digest: Digest })[]> {
  const present: (PresentRecord & { digest: Digest })[] = [];
  for (const key of await allKeys(store, layout.records)) {
    const record = (await documents.read<BlobRecord>(key))?.value;
    if (record && record.state !== "gone") {
      present.push({ ...record, digest: digestOfRecordKey(key) });
    }
  }
  return present;
}
