/**
 * Turns the bytes of one request into a segment of its upload session.
 *
 * Each request writes under a key of its own, and hashes while it writes: the digest of all bytes so
 * far is known with the last one. The session itself is not touched; whoever calls decides whether
 * the segment becomes part of it.
 */
import type { Digest, DigestAlgorithm } from "../oci/digest.ts";
import { SizeMismatch } from "../oci/registry-error.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import type { Segment } from "./blob-record.ts";
import { ContentHash } from "./content-hash.ts";
import { type Arriving, isLarge, prepend } from "./gather.ts";
import { layout } from "./layout.ts";
import { RunningHashes } from "./running-hashes.ts";
import { segmentsToMerge } from "./segment-merge.ts";
import type { OpenDocument, OpenSession } from "./upload-session.ts";
import { type DataToWrite, writeData } from "./write-data.ts";

/** Bytes of one request, and where the client says they belong. */
export interface Chunk {
  readonly body: AsyncIterable<Uint8Array>;
  /** Position of the first byte; undefined means "at the end". */
  readonly start?: number;
  /** Bytes that were announced, if any were. */
  readonly length?: number;
}

/** What a session is with the bytes of one request behind its own. */
export interface Extended {
  /** As it was read, and still is. */
  readonly document: OpenDocument;
  readonly state: OpenSession;
  /** Of all bytes in `state`. */
  readonly digest: Digest;
  /** Absent when this request brought no bytes. */
  readonly hash?: ContentHash;
  readonly added: readonly Segment[];
  /** Segments of `document` whose bytes stand in the added one now. */
  readonly merged: readonly Segment[];
}

export class UploadSegments {
  readonly #store: ObjectStore;
  readonly #hashes = new RunningHashes();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /**
   * Writes the chunk behind what the session has.
   *
   * @param body of the chunk
   * @throws {SizeMismatch} when it has another length than announced; nothing is kept of it
   * @throws {UploadInvalid} when the session has too many segments already
   */
  async extend(
    session: string,
    document: OpenDocument,
    { length }: Chunk,
    { head, rest }: Arriving,
  ): Promise<Extended> {
    const { value, content } = document;
    if (head.byteLength === 0) {
      expectLength(length, 0);
      const digest =
        value.digest ?? (await (await this.rehash(document, value.algorithm)).digest());
      return { document, state: value, digest, added: [], merged: [] };
    }
    const merged = segmentsToMerge(value.segments, length ?? head.byteLength);
    const known = this.#hashes.take(session, value.offset);
    const hash = await this.rehash(
      document,
      value.algorithm,
      known ?? new ContentHash(value.algorithm, isLarge(head)),
    );
    const added = await this.#write(session, hash, {
      before: this.#read({ content, segments: merged }),
      chunks: prepend(head, rest),
      check: () => expectLength(length, hash.size - value.offset),
    });
    const left = value.segments.slice(0, value.segments.length - merged.length);
    const state = { ...value, segments: [...left, added], offset: hash.size };
    return { document, state, digest: await hash.digest(), hash, added: [added], merged };
  }

  /** Lets the next request of the session in this process go on without reading anything again. */
  keep(session: string, { hash }: Extended): void {
    if (hash) this.#hashes.keep(session, hash);
  }

  /**
   * Reads what another process hashed, or what the client wants by another algorithm.
   *
   * @param hash of the first bytes, where these are known
   */
  async rehash(
    { content, value: { segments } }: Pick<OpenDocument, "content" | "value">,
    algorithm: DigestAlgorithm,
    hash = new ContentHash(algorithm, segments.length > 0),
  ): Promise<ContentHash> {
    for await (const piece of this.#read({ content, segments }, hash.size))
      await hash.update(piece);
    return hash;
  }

  async #write(session: string, hash: ContentHash, body: DataToWrite): Promise<Segment> {
    const key = layout.newSegment(session);
    return { key, size: await writeData(this.#store, key, hash, body) };
  }

  async *#read({ content, segments }: StoredBytes, start = 0): AsyncGenerator<Buffer> {
    if (content.byteLength > start) yield content.subarray(start);
    let skip = Math.max(start - content.byteLength, 0);
    for (const { key, size } of segments) {
      const range = { start: skip, end: size - 1 };
      if (skip < size) yield* await this.#store.read(key, skip > 0 ? { range } : {});
      skip = Math.max(skip - size, 0);
    }
  }
}

/** A session's bytes stand in its document while they are few; those of its segments come behind. */
interface StoredBytes {
  readonly content: Buffer;
  readonly segments: readonly Segment[];
}

/** @throws {SizeMismatch} */
export function expectLength(length: number | undefined, actual: number): void {
  if (length !== undefined && length !== actual) throw new SizeMismatch(length, actual);
}
