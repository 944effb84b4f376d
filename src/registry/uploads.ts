/**
 * Pushing a blob in several requests, on any instance.
 *
 * What was acknowledged is durable: the offset stands in the session document, not in a process.
 * Finishing costs a few small writes, whatever the size of the blob. Follows
 * CONTRIBUTING.md "Storage protocol", PUSH by session.
 */
import { algorithmOf, type Digest, type DigestAlgorithm } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import { DigestMismatch } from "../oci/registry-error.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { ObjectNotFound, StoreFull } from "../storage/store-error.ts";
import { inlineLimit, isPresent, type RecordDocument, type Segment } from "./blob-record.ts";
import type { BlobStore } from "./blob-store.ts";
import { EndedSessions } from "./ended-sessions.ts";
import { type Arriving, arriving } from "./gather.ts";
import { RangeUnsatisfiable, UploadInvalid, UploadUnknown } from "./registry-errors.ts";
import type { UploadTicket, UploadTickets } from "./upload-id.ts";
import { type Chunk, type Extended, expectLength, UploadSegments } from "./upload-segments.ts";
import type { OpenDocument, SessionDocuments } from "./upload-session.ts";

interface Checked {
  /** The blob's record from before the session is set to committing. */
  readonly fence: RecordDocument | undefined;
  readonly here: boolean;
}

const nothing = Buffer.alloc(0);

export class Uploads {
  readonly #blobs: BlobStore;
  readonly #segments: UploadSegments;
  readonly #sessions: SessionDocuments;
  readonly #tickets: UploadTickets;
  readonly #ended = new EndedSessions();

  constructor(
    store: ObjectStore,
    blobs: BlobStore,
    sessions: SessionDocuments,
    tickets: UploadTickets,
  ) {
    this.#blobs = blobs;
    this.#segments = new UploadSegments(store);
    this.#sessions = sessions;
    this.#tickets = tickets;
  }

  /** @returns the id of a new session; nothing is written yet */
  async start(repository: RepositoryName, algorithm: DigestAlgorithm = "sha256"): Promise<string> {
    return (await this.#tickets.issue(repository, algorithm)).id;
  }

  /** @returns bytes stored so far @throws {UploadUnknown} */
  async offset(repository: RepositoryName, id: string): Promise<number> {
    const { session } = await this.#going(repository, id);
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
    const ticket = await this.#going(repository, id);
    const open = await this.#sessions.readOpen(ticket.session);
    expectStart(chunk, open?.value.offset ?? 0);
    const body = await arriving(chunk.body);
    try {
      const { session, algorithm } = ticket;
      if (open === undefined && body.head.byteLength <= inlineLimit) {
        expectLength(chunk.length, body.head.byteLength);
        const small = Buffer.from(body.head);
        return (await this.#sessions.create(session, repository, algorithm, small)).value.offset;
      }
      const document = open ?? (await this.#sessions.create(session, repository, algorithm));
      return await this.#append(session, document, chunk, body);
    } finally {
      await body.rest.return(undefined);
    }
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
    if (open === undefined) return this.#pushWhole(ticket, digest, chunk);
    const body = await arriving(chunk.body);
    try {
      const extended = await this.#extend(ticket.session, open, chunk, body);
      if (extended.state.segments.length === 0) return await this.#pushSmall(open, digest);
      const { fence, here } = await this.#check(extended, digest);
      if (here) await this.#drop(extended);
      else await this.#publish(ticket, extended, digest, fence);
    } finally {
      await body.rest.return(undefined);
    }
  }

  /** @throws {UploadUnknown} */
  async cancel(repository: RepositoryName, id: string): Promise<void> {
    const { session } = await this.#going(repository, id);
    const ended = await this.#sessions.cancel(session);
    if (ended) await this.#blobs.discard(ended.segments);
  }

  /** @throws {UploadUnknown} also for a session that one request has opened and closed */
  async #going(repository: RepositoryName, id: string): Promise<UploadTicket> {
    const ticket = await this.#tickets.check(repository, id);
    if (this.#ended.has(ticket.session)) throw new UploadUnknown();
    return ticket;
  }

  /** An ordinary push with a known digest; repeated, because its answer was lost, it is one again. */
  async #pushWhole({ session }: UploadTicket, digest: Digest, chunk: Chunk): Promise<void> {
    await this.#blobs.push(digest, chunk.body, chunk.length);
    this.#ended.add(session);
  }

  async #append(
    session: string,
    document: OpenDocument,
    chunk: Chunk,
    body: Arriving,
  ): Promise<number> {
    const extended = await this.#extend(session, document, chunk, body);
    await this.#advance(extended, { ...extended.state, digest: extended.digest });
    this.#segments.keep(session, extended);
    return extended.state.offset;
  }

  #extend(
    session: string,
    document: OpenDocument,
    chunk: Chunk,
    body: Arriving,
  ): Promise<Extended> {
    return this.#asOf(document, () => this.#segments.extend(session, document, chunk, body));
  }

  /** All bytes stand in the session's document: an ordinary push, too, and no data to take over. */
  async #pushSmall(document: OpenDocument, digest: Digest): Promise<void> {
    await this.#blobs.pushBytes(digest, document.content);
    // A request at the same time may have ended the session, or gone on with it; the blob is here.
    await this.#sessions.advance(document, { state: "closed" }).catch(unlessMoved);
  }

  /** Bytes of a session are missed only when it went on or ended meanwhile: then that is the answer. */
  async #asOf<T>(document: OpenDocument, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof ObjectNotFound) await this.#sessions.expectUnchanged(document);
      throw error;
    }
  }

  /** What this request wrote is taken back only when it is certain that no session names it. */
  async #advance(
    { document, added, merged }: Extended,
    next: Parameters<SessionDocuments["advance"]>[1],
  ): Promise<void> {
    try {
      await this.#sessions.advance(document, next);
    } catch (error) {
      if (isDecided(error)) await this.#withdraw(added);
      throw error;
    }
    await this.#withdraw(merged);
  }

  /** Before anything is decided. @throws {DigestMismatch} */
  async #check(extended: Extended, digest: Digest): Promise<Checked> {
    const { state, digest: known, added, document } = extended;
    try {
      const algorithm = algorithmOf(digest);
      const rehash = () => this.#segments.rehash({ value: state, content: nothing }, algorithm);
      const actual =
        algorithm === state.algorithm ? known : (await this.#asOf(document, rehash)).digest();
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
}

function unlessMoved(error: unknown): void {
  if (!(error instanceof RangeUnsatisfiable || error instanceof UploadUnknown)) throw error;
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
