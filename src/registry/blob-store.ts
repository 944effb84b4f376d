/**
 * Blobs of the whole registry, addressed by digest.
 *
 * Content is global: a blob is stored once and visible in every repository. Nothing unverified is
 * ever published, and nothing is acknowledged before it is durable. The steps and their order are
 * those of CONTRIBUTING.md "Storage protocol"; each has a reason there.
 */
import { algorithmOf, type Digest, digestOf } from "../oci/digest.ts";
import { BlobUnknown } from "../oci/registry-error.ts";
import { BoundedMap } from "../storage/bounded-map.ts";
import { DocumentChanged } from "../storage/document.ts";
import type { Documents } from "../storage/documents.ts";
import type { ByteRange, ObjectStore } from "../storage/object-store.ts";
import type { RecentDocuments, Recollection } from "../storage/recent-documents.ts";
import { ObjectDamaged, ObjectNotFound, StoreUnavailable } from "../storage/store-error.ts";
import { Blob, collect, watched } from "./blob.ts";
import {
  type BlobRecord,
  BlobRecords,
  inlineLimit,
  isDamaged,
  isPresent,
  type RecordDocument,
  type Segment,
} from "./blob-record.ts";
import { ContentHash, verifyAll } from "./content-hash.ts";
import { gather, isLarge, prepend } from "./gather.ts";
import { layout } from "./layout.ts";
import { writeData } from "./write-data.ts";

const nothing = Buffer.alloc(0);
/** Of small blobs that were read whole and are not in their records. */
const contentBytes = 16 * 1024 * 1024;

export class BlobStore {
  readonly #store: ObjectStore;
  readonly #records: BlobRecords;
  readonly #suspect: (digest: Digest) => void;

  /** Manifests too large for their records, verified: what a digest names never changes. */
  readonly #contents = new BoundedMap<Digest, Buffer>(contentBytes);

  /** @param suspect told of each blob that is here and could not be read as what it should be */
  constructor(
    store: ObjectStore,
    documents: Documents,
    recent: RecentDocuments,
    suspect: (digest: Digest) => void = () => undefined,
  ) {
    this.#store = store;
    this.#records = new BlobRecords(documents, recent);
    this.#suspect = suspect;
  }

  /** A promise to the client: what is here now stays long enough to be referenced by a manifest. */
  async exists(digest: Digest): Promise<boolean> {
    return (await this.#records.exists(digest)) !== undefined;
  }

  /** Like `exists`, with the blob. */
  async find(digest: Digest): Promise<Blob | undefined> {
    const record = await this.#records.exists(digest);
    return record && Blob.of(digest, record, this.#store);
  }

  /** Like `exists`, with the blob. @throws {BlobUnknown} */
  async require(digest: Digest): Promise<Blob> {
    const record = await this.#records.settled(digest);
    if (!isPresent(record)) throw new BlobUnknown(digest, isDamaged(record));
    return Blob.of(digest, record, this.#store);
  }

  /** For reading; promises nothing. @throws {BlobUnknown} */
  async open(digest: Digest): Promise<Blob> {
    const record = await this.#records.find(digest);
    if (!isPresent(record)) throw new BlobUnknown(digest, isDamaged(record));
    return Blob.of(digest, record, this.#store);
  }

  /**
   * Opens the bytes of a blob, or a part of them; see `Blob.open`.
   *
   * @throws {BlobUnknown}
   * @throws {ObjectNotFound} when the record names data that is not there
   */
  async stream(
    digest: Digest,
    range?: ByteRange,
    signal?: AbortSignal,
  ): Promise<AsyncIterable<Buffer>> {
    const onFailure = (error: unknown): void => {
      if (error instanceof ObjectDamaged || error instanceof ObjectNotFound) this.#suspect(digest);
    };
    try {
      return watched(await (await this.open(digest)).open(range, signal), onFailure);
    } catch (error) {
      if (!(error instanceof ObjectNotFound)) throw error;
      // Collected since the record was read, and perhaps pushed again, under another key.
      this.#records.forget(digest);
      const again = (await this.open(digest)).open(range, signal);
      again.catch(onFailure);
      return watched(await again, onFailure);
    }
  }

  /** All bytes of a small blob, when they are in memory. */
  recall(digest: Digest): Recollection<Buffer> | undefined {
    const record = this.#records.recall(digest);
    const known =
      record && (Blob.of(digest, record.value, this.#store).inline ?? this.#contents.get(digest));
    return record && known && { value: known, grounds: record.grounds };
  }

  /** Reads a small blob whole. @throws {BlobUnknown} @throws {ObjectDamaged} beyond the limit */
  async bytes(digest: Digest, limit: number): Promise<Buffer> {
    const blob = await this.open(digest);
    if (blob.size > limit) {
      throw new ObjectDamaged(digest, `${blob.size} bytes where ${limit} are the most`);
    }
    const known = blob.inline ?? this.#contents.get(digest);
    if (known) return known;
    const bytes = await collect(await this.stream(digest), blob.size);
    if (digestOf(bytes, algorithmOf(digest)) !== digest) {
      this.#suspect(digest);
      throw new ObjectDamaged(digest, "its bytes have another digest");
    }
    this.#contents.set(digest, bytes, bytes.byteLength);
    return bytes;
  }

  /**
   * Stores content whose digest is known beforehand. The body is always read to its end.
   *
   * @throws {DigestMismatch | SizeMismatch} also when the blob was here already
   */
  async push(digest: Digest, body: AsyncIterable<Uint8Array>, size?: number): Promise<void> {
    // Read before any byte is written: this version is the fencing token.
    const fence = await this.#records.read(digest);
    if (isPresent(fence) && (await this.exists(digest))) return verifyAll(body, digest, size);

    const chunks = gather(body);
    const first = await chunks.next();
    // Only a last chunk is short, so a short first one is all there is.
    const head = first.done ? nothing : first.value;
    if (head.byteLength > inlineLimit) return this.#pushData(digest, fence, head, chunks, size);

    const content = Buffer.from(head);
    await chunks.return(undefined);
    const hash = new ContentHash(algorithmOf(digest));
    await hash.update(content);
    await hash.verify(digest, size);
    await this.#publishInline(digest, fence, content);
  }

  /** Stores small content that is at hand. */
  async pushBytes(digest: Digest, bytes: Buffer): Promise<void> {
    await this.push(digest, once(bytes), bytes.byteLength);
  }

  /**
   * Takes over verified, durable segments, as the last step of an upload.
   *
   * @param fence the record as read before the session was set to committing
   * @returns false when another writer moved the record and the blob is not here: push again
   */
  async adopt(
    digest: Digest,
    fence: RecordDocument | undefined,
    segments: readonly Segment[],
  ): Promise<boolean> {
    const size = segments.reduce((sum, segment) => sum + segment.size, 0);
    try {
      await this.#records.publish(digest, fence, { value: { state: "live", size, segments } });
      return true;
    } catch (error) {
      if (!(error instanceof DocumentChanged)) throw error;
      // The record has moved, so unless it names these keys already it never will.
      const current = error.current?.value as BlobRecord | undefined;
      if (!namesAny(current, segments)) await this.discard(segments);
      return this.exists(digest);
    }
  }

  /** The record as it is now, to be handed to `adopt`. */
  fence(digest: Digest): Promise<RecordDocument | undefined> {
    return this.#records.read(digest);
  }

  /** Deletes data that no record names. */
  async discard(segments: readonly Segment[]): Promise<void> {
    await Promise.all(segments.map(({ key }) => this.#store.delete(key)));
  }

  async #pushData(
    digest: Digest,
    fence: RecordDocument | undefined,
    head: Buffer,
    rest: AsyncGenerator<Buffer>,
    expectedSize: number | undefined,
  ): Promise<void> {
    const key = layout.newData(digest);
    const hash = new ContentHash(algorithmOf(digest), isLarge(head));
    await writeData(this.#store, key, hash, {
      chunks: prepend(head, rest),
      check: () => hash.verify(digest, expectedSize),
    });
    if (!(await this.adopt(digest, fence, [{ key, size: hash.size }]))) {
      throw new StoreUnavailable(`blob ${digest} was removed while it was pushed`);
    }
  }

  async #publishInline(
    digest: Digest,
    fence: RecordDocument | undefined,
    content: Buffer,
  ): Promise<void> {
    let version = fence;
    for (;;) {
      try {
        const value = { state: "live", size: content.byteLength } as const;
        await this.#records.publish(digest, version, { value, content });
        return;
      } catch (error) {
        if (!(error instanceof DocumentChanged)) throw error;
        if (await this.exists(digest)) return;
        version = await this.#records.read(digest);
      }
    }
  }
}

function namesAny(record: BlobRecord | undefined, segments: readonly Segment[]): boolean {
  const named = record && record.state !== "gone" ? (record.segments ?? []) : [];
  return segments.some(({ key }) => named.some((segment) => segment.key === key));
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
