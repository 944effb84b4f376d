/**
 * Ends an upload with its blob published, or moves it on by what a request has written.
 *
 * What a request wrote is taken back only when it is certain that no session names it. The session
 * says what it is about to become before that happens. Follows CONTRIBUTING.md "Storage protocol",
 * PUSH by session.
 */
import { algorithmOf, type Digest } from "../oci/digest.ts";
import { DigestMismatch } from "../oci/registry-error.ts";
import type { Document } from "../storage/document.ts";
import { ObjectNotFound, StoreFull } from "../storage/store-error.ts";
import { isPresent, type RecordDocument, type Segment } from "./blob-record.ts";
import type { BlobStore } from "./blob-store.ts";
import { RangeUnsatisfiable, UploadInvalid, UploadUnknown } from "./registry-errors.ts";
import type { Extended, UploadSegments } from "./upload-segments.ts";
import type {
  CommittingSession,
  OpenDocument,
  SessionDocuments,
  UploadSession,
} from "./upload-session.ts";

interface Checked {
  /** The blob's record from before the session is set to committing. */
  readonly fence: RecordDocument | undefined;
  readonly here: boolean;
}

/** A session that says what it is about to become. */
export interface Announced {
  readonly session: Document<CommittingSession>;
  readonly fence: RecordDocument | undefined;
}

const nothing = Buffer.alloc(0);

export class UploadClosing {
  readonly #blobs: BlobStore;
  readonly #segments: UploadSegments;
  readonly #sessions: SessionDocuments;

  constructor(blobs: BlobStore, segments: UploadSegments, sessions: SessionDocuments) {
    this.#blobs = blobs;
    this.#segments = segments;
    this.#sessions = sessions;
  }

  /** All bytes stand in the session's document: an ordinary push, too, and no data to take over. */
  async #pushSmall(document: OpenDocument, digest: Digest): Promise<void> {
    await this.#blobs.pushBytes(digest, document.content);
    // A request at the same time may have ended the session, or gone on with it; the blob is here.
    await this.#sessions.advance(document, { state: "closed" }).catch(unlessMoved);
  }

  /** Bytes of a session are missed only when it went on or ended meanwhile: then that is the answer. */
  async asOf<T>(document: OpenDocument, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof ObjectNotFound) await this.#sessions.expectUnchanged(document);
      throw error;
    }
  }

  /** What this request wrote is taken back only when it is certain that no session names it. */
  async advance<T extends UploadSession>(
    { document, added, merged }: Extended,
    next: T,
  ): Promise<Document<T>> {
    const advanced = await this.#sessions.advance(document, next).catch(async (error: unknown) => {
      if (isDecided(error)) await this.#withdraw(added);
      throw error;
    });
    await this.#withdraw(merged);
    return advanced;
  }

  /** Before anything is decided. @throws {DigestMismatch} */
  async #check(extended: Extended, digest: Digest): Promise<Checked> {
    const { state, digest: known, added, document } = extended;
    try {
      const algorithm = algorithmOf(digest);
      const rehash = () => this.#segments.rehash({ value: state, content: nothing }, algorithm);
      const actual =
        algorithm === state.algorithm ? known : await (await this.asOf(document, rehash)).digest();
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
    await this.advance(extended, { state: "closed" });
    await this.#withdraw(extended.state.segments);
  }

  /** Ends what needs no publishing; announces in the session, before it happens, what does. */
  async decide(extended: Extended, digest: Digest): Promise<Announced | "over"> {
    const { state, document } = extended;
    if (state.segments.length === 0) {
      await this.#pushSmall(document, digest);
      return "over";
    }
    const { fence, here } = await this.#check(extended, digest);
    if (here) {
      await this.#drop(extended);
      return "over";
    }
    const committing = { ...state, state: "committing", target: digest } as const;
    return { session: await this.advance(extended, committing), fence };
  }

  async publish(decided: Announced | "over"): Promise<void> {
    if (decided === "over") return;
    const { session, fence } = decided;
    const { target, segments } = session.value;
    const published = await this.#blobs.adopt(target, fence, segments);
    await this.#sessions.close(session);
    if (!published) throw new UploadInvalid("the blob was removed while it was pushed; push again");
  }

  /** Best effort: what cannot be deleted now is named by nobody, and the collector finds it. */
  async #withdraw(segments: readonly Segment[]): Promise<void> {
    await this.#blobs.discard(segments).catch(() => undefined);
  }
}

/** For `catch`, where a refusal may only mean that what was known is old. */
export function ifOutdated(error: unknown): undefined {
  if (!(error instanceof DigestMismatch)) unlessMoved(error);
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
