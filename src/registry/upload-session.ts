/**
 * The document of one upload session and its life.
 *
 * ```
 * (none) → open → committing → closed
 *            └──────────────────┘ cancelled or expired
 * ```
 *
 * A session is created with its first byte. It holds the bytes of a small upload itself, else it
 * lists the segments that its requests wrote, each under a key of its own, so a stalled request can
 * never write into committed bytes.
 */
import { type Digest, type DigestAlgorithm, digestOf } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import { type Document, DocumentChanged } from "../storage/document.ts";
import type { Documents } from "../storage/documents.ts";
import type { Segment } from "./blob-record.ts";
import { layout } from "./layout.ts";
import { RangeUnsatisfiable, UploadUnknown } from "./registry-errors.ts";

export interface OpenSession {
  readonly state: "open";
  readonly repository: RepositoryName;
  readonly algorithm: DigestAlgorithm;
  /** Empty while the bytes are few: then they are the document's raw content. */
  readonly segments: readonly Segment[];
  /** Bytes of the upload so far. */
  readonly offset: number;
  /** Of the bytes before `offset`: lets any instance finish without reading them. */
  readonly digest?: Digest;
}

export interface CommittingSession extends Omit<OpenSession, "state"> {
  readonly state: "committing";
  readonly target: Digest;
}

export interface ClosedSession {
  readonly state: "closed";
  /** The blob that it was, or might have been, published as: where to look for its segments. */
  readonly target?: Digest;
}

export type UploadSession = OpenSession | CommittingSession | ClosedSession;

export type OpenDocument = Document<OpenSession>;

export class SessionDocuments {
  readonly #documents: Documents;

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  async read(session: string): Promise<Document<UploadSession> | undefined> {
    return this.#documents.read<UploadSession>(layout.session(session));
  }

  /** The session as it stands open, undefined before its first byte. @throws {UploadUnknown} */
  async readOpen(session: string): Promise<OpenDocument | undefined> {
    const document = await this.read(session);
    return document && expectOpen(document);
  }

  /**
   * Makes the session before any byte goes to a key that carries its name, or finds it as another
   * request has made it: one write where there is none.
   *
   * @param small all bytes of its first request, when they are few
   * @throws {UploadUnknown} when it has ended
   */
  async createOrRead(
    session: string,
    repository: RepositoryName,
    algorithm: DigestAlgorithm,
    small?: Buffer,
  ): Promise<{ readonly document: OpenDocument; readonly created: boolean }> {
    const content = small ?? Buffer.alloc(0);
    const value: OpenSession = {
      state: "open",
      repository,
      algorithm,
      segments: [],
      offset: content.byteLength,
      ...(small && { digest: digestOf(small, algorithm) }),
    };
    try {
      const document = await this.#documents.create(layout.session(session), { value, content });
      return { document, created: true };
    } catch (error) {
      if (!(error instanceof DocumentChanged)) throw error;
      return { document: expectOpen(error.current), created: false };
    }
  }

  /**
   * Moves the session on from exactly the state that was read.
   *
   * @returns what stands there now
   * @throws {RangeUnsatisfiable | UploadUnknown} when another request of the session was first; then
   *         this write has not happened and never will
   */
  async advance<T extends UploadSession>(current: OpenDocument, value: T): Promise<Document<T>> {
    try {
      return (await this.#documents.replace<UploadSession>(current as Document<UploadSession>, {
        value,
      })) as Document<T>;
    } catch (error) {
      if (!(error instanceof DocumentChanged)) throw error;
      throw refusal(error.current?.value as UploadSession | undefined);
    }
  }

  /** @throws {RangeUnsatisfiable | UploadUnknown} when the session is not any more what was read */
  async expectUnchanged(known: OpenDocument): Promise<void> {
    const document = await this.#documents.read<UploadSession>(known.key);
    if (document?.revision !== known.revision) throw refusal(document?.value);
  }

  /**
   * Ends a session that nobody is publishing.
   *
   * @returns what it had, undefined before its first byte
   * @throws {UploadUnknown} also for a session that is just being published: it names what might
   *         become a blob, until that is decided
   */
  async cancel(session: string): Promise<OpenSession | undefined> {
    let ended: OpenSession | undefined;
    await this.#documents.update<UploadSession>(layout.session(session), (current) => {
      if (current !== undefined && current.state !== "open") throw new UploadUnknown();
      ended = current;
      return { state: "closed" };
    });
    return ended;
  }

  /** Ends a session whose outcome is decided. @param known as it was written for that */
  async close(known: Document<CommittingSession>): Promise<void> {
    const current = known as Document<UploadSession>;
    try {
      await this.#documents.replace<UploadSession>(current, { value: closed(known.value) });
    } catch (error) {
      if (!(error instanceof DocumentChanged)) throw error;
      await this.#documents.update<UploadSession>(known.key, (value) =>
        value === undefined || value.state === "closed" ? undefined : closed(value),
      );
    }
  }
}

/** @throws {UploadUnknown} */
function expectOpen(document: Document<UploadSession> | undefined): OpenDocument {
  if (document?.value.state !== "open") throw new UploadUnknown();
  return document as OpenDocument;
}

/** Nothing more is published from it but what it has announced. */
export function closed(session: OpenSession | CommittingSession): ClosedSession {
  const target = session.state === "committing" ? { target: session.target } : {};
  return { state: "closed", ...target };
}

function refusal(current: UploadSession | undefined): RangeUnsatisfiable | UploadUnknown {
  if (current?.state !== "open") return new UploadUnknown();
  return new RangeUnsatisfiable(current.offset, current.offset);
}
