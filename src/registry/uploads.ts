/**
 * Pushing a blob in several requests, on any instance.
 *
 * What was acknowledged is durable: the offset stands in the session document, not in a process.
 * Finishing costs a few small writes, whatever the size of the blob. Follows
 * CONTRIBUTING.md "Storage protocol", PUSH by session.
 */
import type { Digest, DigestAlgorithm } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import { BoundedMap } from "../storage/bounded-map.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { inlineLimit } from "./blob-record.ts";
import type { BlobStore } from "./blob-store.ts";
import { EndedSessions } from "./ended-sessions.ts";
import { type Arriving, arriving } from "./gather.ts";
import { RangeUnsatisfiable, UploadUnknown } from "./registry-errors.ts";
import { ifOutdated, UploadClosing } from "./upload-closing.ts";
import type { UploadTicket, UploadTickets } from "./upload-id.ts";
import { type Chunk, type Extended, expectLength, UploadSegments } from "./upload-segments.ts";
import type { OpenDocument, SessionDocuments } from "./upload-session.ts";

/** Of sessions that this process wrote last; a segment in the list takes about so many bytes. */
const writtenBytes = 4 * 1024 * 1024;
const segmentBytes = 256;

export class Uploads {
  readonly #blobs: BlobStore;
  readonly #segments: UploadSegments;
  readonly #sessions: SessionDocuments;
  readonly #tickets: UploadTickets;
  readonly #closing: UploadClosing;
  readonly #ended = new EndedSessions();
  /** As this process wrote them last; whoever goes on from one finds out whether it is still that. */
  readonly #written = new BoundedMap<string, OpenDocument>(writtenBytes);

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
    this.#closing = new UploadClosing(blobs, this.#segments, sessions);
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
    const { session } = ticket;
    // The usual upload is one chunk: who makes its session learns whether there is one already.
    const goesOn = Boolean(chunk.start) || this.#written.get(session) !== undefined;
    const open = goesOn ? await this.#sessions.readOpen(session) : undefined;
    expectStart(chunk, open?.value.offset ?? 0);
    const body = await arriving(chunk.body);
    try {
      const begun = open
        ? { document: open, whole: false }
        : await this.#begin(repository, ticket, chunk, body);
      const { document, whole } = begun;
      if (whole) return document.value.offset;
      expectStart(chunk, document.value.offset);
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
    const { session } = ticket;
    if (chunk.length === 0 && (await this.#finishAsWritten(session, digest))) return;
    const document = await this.#sessions.readOpen(session);
    expectStart(chunk, document?.value.offset ?? 0);
    if (document === undefined) return this.#pushWhole(ticket, digest, chunk);
    const body = await arriving(chunk.body);
    try {
      const extended = await this.#extend(session, document, chunk, body);
      await this.#closing.publish(await this.#closing.decide(extended, digest));
    } finally {
      await body.rest.return(undefined);
    }
  }

  /** @throws {UploadUnknown} */
  async cancel(repository: RepositoryName, id: string): Promise<void> {
    const { session } = await this.#going(repository, id);
    this.#written.delete(session);
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

  /** Makes the session, with all bytes of its first chunk where they are few. */
  async #begin(
    repository: RepositoryName,
    { session, algorithm }: UploadTicket,
    chunk: Chunk,
    { head }: Arriving,
  ): Promise<{ readonly document: OpenDocument; readonly whole: boolean }> {
    const isSmall = head.byteLength <= inlineLimit;
    if (isSmall) expectLength(chunk.length, head.byteLength);
    const small = isSmall ? Buffer.from(head) : undefined;
    const begun = await this.#sessions.createOrRead(session, repository, algorithm, small);
    const whole = begun.created && isSmall;
    if (whole) this.#remember(session, begun.document);
    return { document: begun.document, whole };
  }

  async #append(
    session: string,
    document: OpenDocument,
    chunk: Chunk,
    body: Arriving,
  ): Promise<number> {
    const extended = await this.#extend(session, document, chunk, body);
    const state = { ...extended.state, digest: extended.digest };
    this.#remember(session, await this.#closing.advance(extended, state));
    this.#segments.keep(session, extended);
    return state.offset;
  }

  #remember(session: string, document: OpenDocument): void {
    const { content, value } = document;
    const bytes = content.byteLength + (value.segments.length + 4) * segmentBytes;
    this.#written.set(session, document, bytes);
  }

  /**
   * Ends the session from the state that this process wrote last, without reading it again. Where it
   * has gone on elsewhere nothing is decided.
   *
   * @returns whether the session has ended
   */
  async #finishAsWritten(session: string, digest: Digest): Promise<boolean> {
    const document = this.#written.get(session);
    this.#written.delete(session);
    const known = document?.value.digest;
    if (document === undefined || known === undefined) return false;
    const extended = { document, state: document.value, digest: known, added: [], merged: [] };
    const decided = await this.#closing.decide(extended, digest).catch(ifOutdated);
    if (decided) await this.#closing.publish(decided);
    return decided !== undefined;
  }

  #extend(
    session: string,
    document: OpenDocument,
    chunk: Chunk,
    body: Arriving,
  ): Promise<Extended> {
    return this.#closing.asOf(document, () =>
      this.#segments.extend(session, document, chunk, body),
    );
  }
}

function expectStart({ start }: Chunk, offset: number): void {
  if (start !== undefined && start !== offset) throw new RangeUnsatisfiable(offset, start);
}
