/**
 * Copies blobs from one store to another: record and data, under the same keys.
 *
 * Bytes are hashed while they are copied, and the record is written last, so whatever has a record in
 * the target is whole there. Removed blobs are left behind, their tombstones too.
 */
import { isDeepStrictEqual } from "node:util";
import { algorithmOf, type Digest } from "../../oci/digest.ts";
import { DigestMismatch, SizeMismatch } from "../../oci/registry-error.ts";
import { type Document, parseDocument } from "../../storage/document.ts";
import type { LoadedObject, ObjectStore } from "../../storage/object-store.ts";
import { ObjectDamaged, ObjectNotFound } from "../../storage/store-error.ts";
import { Blob } from "../blob.ts";
import {
  type BlobRecord,
  isDamaged,
  isPresent,
  type PresentRecord,
  type Segment,
} from "../blob-record.ts";
import { ContentHash, verifyAll } from "../content-hash.ts";
import { digestOfRecordKey } from "../layout.ts";
import { writeData } from "../write-data.ts";
import { copyDocument, removeDocument } from "./document-copy.ts";
import type { MigrationWork } from "./migration-work.ts";
import { MigrationRefused } from "./move-state.ts";

type Present = Document<PresentRecord>;

/** Brings one record of the target, with its data, to the state that it has in the source. */
export async function copyBlob(work: MigrationWork, key: string): Promise<void> {
  for (;;) {
    const loaded = await work.source.load(key);
    try {
      return await bring(work, key, loaded);
    } catch (error) {
      if (!isDamage(error)) throw error;
      // Collected, or pushed anew, in the meantime? Then what was read is of no interest.
      if ((await work.source.load(key))?.revision !== loaded?.revision) continue;
      return work.damaged(key, error);
    }
  }
}

async function bring(
  work: MigrationWork,
  key: string,
  loaded: LoadedObject | undefined,
): Promise<void> {
  const record = loaded && parseDocument<BlobRecord>(key, loaded);
  const before = await work.target.load(key);
  if (loaded === undefined) return remove(work, key, before);
  if (record?.value.state === "gone" && !isDamaged(record)) return remove(work, key, before);
  if (!isPresent(record)) return copyDocument(work, key, loaded, before);
  const known = before && parseDocument<BlobRecord>(key, before);
  const here = hasData(known, record) && (await isWhole(work.target, record));
  if (!here) await copyContent(work, digestOfRecordKey(key), record);
  await copyDocument(work, key, loaded, before);
  if (here) return;
  await discard(work.target, known, record.value.segments);
  work.copied({ blobs: 1 });
}

/** Whether the target's record was written for the same data, in whatever state it is. */
function hasData(known: Document<BlobRecord> | undefined, { value, content }: Present): boolean {
  if (!isPresent(known)) return false;
  const { segments } = known.value;
  return isDeepStrictEqual(segments, value.segments) && known.content.equals(content);
}

async function isWhole(store: ObjectStore, { value }: Present): Promise<boolean> {
  const sizes = await Promise.all((value.segments ?? []).map(({ key }) => store.stat(key)));
  return sizes.every((size, position) => size === value.segments?.[position]?.size);
}

/** @throws {DigestMismatch | SizeMismatch | ObjectDamaged | ObjectNotFound} */
async function copyContent(work: MigrationWork, digest: Digest, record: Present): Promise<void> {
  const { segments, size } = record.value;
  if (segments === undefined) return verifyAll(once(record.content), digest, size);
  const written: Segment[] = [];
  const hash = new ContentHash(algorithmOf(digest));
  try {
    for (const segment of segments) {
      const last = segment === segments.at(-1);
      const check = () => (last ? hash.verify(digest, size) : undefined);
      const chunks = counted(work, await work.source.read(segment.key, { signal: work.signal }));
      written.push(segment);
      await writeData(work.target, segment.key, hash, { chunks, check });
    }
    if (work.readBack) await readAgain(work.target, digest, record);
  } catch (error) {
    await Promise.all(written.map(({ key }) => work.target.delete(key)));
    throw error;
  }
}

async function readAgain(target: ObjectStore, digest: Digest, record: Present): Promise<void> {
  try {
    await verifyAll(Blob.of(digest, record, target).read(), digest, record.value.size);
  } catch (cause) {
    throw new MigrationRefused(`blob ${digest} reads differently from where it was written`, {
      cause,
    });
  }
}

async function* counted(
  work: MigrationWork,
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    work.signal.throwIfAborted();
    yield chunk;
    work.copied({ bytes: chunk.byteLength });
  }
}

async function remove(
  work: MigrationWork,
  key: string,
  before: LoadedObject | undefined,
): Promise<void> {
  if (before === undefined) return;
  await removeDocument(work, key);
  await discard(work.target, parseDocument(key, before));
}

/** Deletes data that only the record of before has named. */
async function discard(
  target: ObjectStore,
  before: Document<BlobRecord> | undefined,
  kept: readonly Segment[] = [],
): Promise<void> {
  const named = isPresent(before) ? (before.value.segments ?? []) : [];
  const unnamed = named.filter(({ key }) => !kept.some((segment) => segment.key === key));
  await Promise.all(unnamed.map(({ key }) => target.delete(key)));
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

function isDamage(error: unknown): error is Error {
  return [DigestMismatch, SizeMismatch, ObjectDamaged, ObjectNotFound].some(
    (type) => error instanceof type,
  );
}
