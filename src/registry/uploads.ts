/**
 * Pushing a blob in several requests, on any instance.
 *
 * What was acknowledged is durable: the offset stands in the session document, not in a process.
 * Finishing costs a few small writes, whatever the size of the blob. Follows
 * CONTRIBUTING.md "Storage protocol", PUSH by session.
 */
import { algorithmOf, type Digest, type DigestAlgorithm } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import { DigestMismatch, SizeMismatch } from "../oci/registry-error.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { StoreFull } from "../storage/store-error.ts";
import { isPresent, type RecordDocument, type Segment } from "./blob-record.ts";
import type { BlobStore } from "./blob-store.ts";
import { ContentHash } from "./content-hash.ts";
import { gather, prepend } from "./gather.ts";
import { layout } from "./layout.ts";
import { RangeUnsatisfiable, UploadInvalid, UploadUnknown } from "./registry-errors.ts";
import { RunningHashes } from "./running-hashes.ts";
import type { UploadTicket, UploadTickets } from "./upload-id.ts";
import type { OpenDocument, OpenSession, SessionDocuments } from "./upload-session.ts";
import { writeData } from "./write-data.ts";

/** Bytes of one request, and where the client says they belong. */
export interface Chunk {
  readonly body: AsyncIterable<Uint8Array>;
  /** Position of the first byte; undefined means "at the end". */
  readonly start?: number;
  /** Bytes that were announced, if any were. */
  readonly length?: number;
}

interface Extended {
  readonly document: OpenDocument;
  readonly state: OpenSession;
  /** Of all bytes in `state`. */
  readonly digest: Digest;
  /** Absent when this request brought no bytes and nothing had to be hashed. */
  readonly hash?: ContentHash;
  readonly added: readonly Segment[];
}

interface Checked {
  /** The blob's record from before the session is set to committing. */
  readonly fence: RecordDocument | undefined;
  readonly here: boolean;
}

export class Uploads {
  readonly #store: ObjectStore;
  readonly #blobs: BlobStore;
  readonly #sessions: SessionDocuments;
  readonly #tickets: UploadTickets;
  readonly #hashes = new RunningHashes();

  constructor(
    store: ObjectStore,
    blobs: BlobStore,
    sessions: SessionDocuments,
    tickets: UploadTickets,
  ) {
    this.#store = store;
    this.#blobs = blobs;
    this.#sessions = sessions;
    this.#tickets = tickets;
  }

  /** @returns the id of a new session; nothing is written yet */
  async start(repository: RepositoryName, algorithm: DigestAlgorithm = "sha256"): Promise<string> {
    return (await this.#tickets.issue(repository, algorithm)).id;
  }

  /** @returns bytes stored so far @throws {UploadUnknown} */
  async offset(repository: RepositoryName, id: string): Promise<number> {
    const { session } = await this.#tickets.check(repository, id);
    return (await this.#sessions.readOpen(session))?.value.offset ?? 0;
  }

  /**
   * Adds bytes to the session.
   *
   * @returns the new offset, i.e. last byte position + 1
   * @throws {RangeUnsatisfiable} when the chunk starts elsewhere (distribution-spec 1.1, 416)
   * @throws {SizeMismatch} when the chunk has another length than announced; nothing is kept of it
   * @throws {UploadUnknown} when the session ended
   */
  async append(repository: RepositoryName, id: string, chunk: Chunk): Promise<number> {
    const ticket = await this.#tickets.check(repository, id);
    const open = await this.#sessions.readOpen(ticket.session);
    expectStart(chunk, open?.value.offset ?? 0);
    const document =
      open ?? (await this.#sessions.create(ticket.session, repository, ticket.algorithm));
    const extended = await this.#extend(ticket, document, chunk);
    await this.#advance(extended, { ...extended.state, digest: extended.digest });
    if (extended.hash) this.#hashes.keep(ticket.session, extended.hash);
    return extended.state.offset;
  }

  /**
   * Ends the session with the blob published. The closing request may carry the last bytes, or all.
   *
   * @throws {DigestMismatch} the session stays open with what it had before this request
   * @throws {RangeUnsatisfiable | SizeMismatch | UploadUnknown | UploadInvalid}
   */
  async finish(
    repository: RepositoryName,
    id: string,
    digest: Digest,
    chunk: Chunk,
  ): Promise<void> {
    const ticket = await this.#tickets.check(repository, id);
    const open = await this.#sessions.readOpen(ticket.session);
    expectStart(chunk, open?.value.offset ?? 0);
    // A closing request with the whole body is an ordinary push with a known digest.
    if (open === undefined) return this.#blobs.push(digest, chunk.body, chunk.length);

    const extended = await this.#extend(ticket, open, chunk);
    const { fence, here } = await this.#check(extended, digest);
    if (here) await this.#drop(extended);
    else await this.#publish(ticket, extended, digest, fence);
  }

  /** @throws {UploadUnknown} */
  async cancel(repository: RepositoryName, id: string): Promise<void> {
    const { session } = await this.#tickets.check(repository, id);
    const ended = await this.#sessions.cancel(session);
    if (ended) await this.#blobs.discard(ended.segments);
  }

  async #extend(ticket: UploadTicket, document: OpenDocument, chunk: Chunk): Promise<Extended> {
    const chunks = gather(chunk.body);
    try {
      return await this.#extendBy(ticket, document, chunk, chunks);
    } finally {
      await chunks.return(undefined);
    }
  }

  async #extendBy(
    ticket: UploadTicket,
    document: OpenDocument,
    { length }: Chunk,
    chunks: AsyncGenerator<Buffer>,
  ): Promise<Extended> {
    const { value } = document;
    const first = await chunks.next();
    if (first.done) expectLength(length, 0);
    if (first.done && value.digest) {
      return { document, state: value, digest: value.digest, added: [] };
    }
    const hash =
      this.#hashes.take(ticket.session, value.offset) ??
      (await this.#rehash(value.segments, value.algorithm));
    const check = (): void => expectLength(length, hash.size - value.offset);
    const added = first.done ? [] : [await this.#segment(ticket, hash, first.value, chunks, check)];
    const segments = [...value.segments, ...added];
    const state = { ...value, segments, offset: hash.size };
    return { document, state, digest: hash.digest(), hash, added };
  }

  async #segment(
    { session }: UploadTicket,
    hash: ContentHash,
    head: Buffer,
    rest: AsyncGenerator<Buffer>,
    check: () => void,
  ): Promise<Segment> {
    const key = layout.newSegment(session);
    return { key, size: await writeData(this.#store, key, hash, prepend(head, rest), check) };
  }

  /** What this request wrote is taken back only when it is certain that no session names it. */
  async #advance(
    { document, added }: Extended,
    next: Parameters<SessionDocuments["advance"]>[1],
  ): Promise<void> {
    try {
      await this.#sessions.advance(document, next);
    } catch (error) {
      if (isDecided(error)) await this.#withdraw(added);
      throw error;
    }
  }

  /** Before anything is decided. @throws {DigestMismatch} */
  async #check({ state, digest: known, added }: Extended, digest: Digest): Promise<Checked> {
    try {
      const algorithm = algorithmOf(digest);
      const actual =
        algorithm === state.algorithm
          ? known
          : (await this.#rehash(state.segments, algorithm)).digest();
      if (actual !== digest) throw new DigestMismatch(digest, actual);
      const fence = await this.#blobs.fence(digest);
      return { fence, here: isPresent(fence) && (await this.#blobs.exists(digest)) };
    } catch (error) {
      await this.#withdraw(added);
      throw error;
    }
  }

  /** The blob came in another way. Only who ends the session himself may delete what it names. */
  async #drop(extended: Extended): Promise<void> {
    await this.#advance(extended, { state: "closed" });
    await this.#withdraw(extended.state.segments);
  }

  async #publish(
    { session }: UploadTicket,
    extended: Extended,
    digest: Digest,
    fence: RecordDocument | undefined,
  ): Promise<void> {
    const { state } = extended;
    await this.#advance(extended, { ...state, state: "committing", target: digest });
    const published = await this.#blobs.adopt(digest, fence, state.segments);
    await this.#sessions.close(session);
    if (!published) throw new UploadInvalid("the blob was removed while it was pushed; push again");
  }

  /** Best effort: what cannot be deleted now is named by nobody, and the collector finds it. */
  async #withdraw(segments: readonly Segment[]): Promise<void> {
    await this.#blobs.discard(segments).catch(() => undefined);
  }

  /** Another process hashed these bytes, or the client wants another algorithm. */
  async #rehash(segments: readonly Segment[], algorithm: DigestAlgorithm): Promise<ContentHash> {
    const hash = new ContentHash(algorithm);
    for (const { key } of segments) {
      for await (const piece of await this.#store.read(key)) hash.update(piece);
    }
    return hash;
  }
}

/** Whether a failed write of a session is known not to have happened, and never to happen later. */
function isDecided(error: unknown): boolean {
  return (
    error instanceof RangeUnsatisfiable ||
    error instanceof UploadUnknown ||
    error instanceof StoreFull
  );
}

function expectStart({ start }: Chunk, offset: number): void {
  if (start !== undefined && start !== offset) throw new RangeUnsatisfiable(offset, start);
}

function expectLength(length: number | undefined, actual: number): void {
  if (length !== undefined && length !== actual) throw new SizeMismatch(length, actual);
}
