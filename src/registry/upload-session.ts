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
    if (document === undefined) return undefined;
    if (document.value.state !== "open") throw new UploadUnknown();
    return document as OpenDocument;
  }

  /**
   * Makes the session before any byte goes to a key that carries its name.
   *
   * @param small all bytes of its first request, when they are few
   * @throws {RangeUnsatisfiable | UploadUnknown} when another request of the session was first
   */
  async create(
    session: string,
    repository: RepositoryName,
    algorithm: DigestAlgorithm,
    small?: Buffer,
  ): Promise<OpenDocument> {
    const content = small ?? Buffer.alloc(0);
    const value: OpenSession = {
      state: "open",
      repository,
      algorithm,
      segments: [],
      offset: content.byteLength,
      ...(small && { digest: digestOf(small, algorithm) }),
    };
    return this.#write(() =>
      this.#documents.create<UploadSession>(layout.session(session), { value, content }),
    ) as Promise<OpenDocument>;
  }

  /**
   * Moves the session on from exactly the state that was read.
   *
   * @throws {RangeUnsatisfiable | UploadUnknown} when another request of the session was first; then
   *         this write has not happened and never will
   */
  async advance(current: OpenDocument, value: UploadSession): Promise<void> {
    await this.#write(() =>
      this.#documents.replace<UploadSession>(current as Document<UploadSession>, { value }),
    );
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

  /** Ends a session whose outcome is decided. */
  async close(session: string): Promise<void> {
    await this.#documents.update<UploadSession>(layout.session(session), (current) =>
      current === undefined || current.state === "closed" ? undefined : closed(current),
    );
  }

  async #write(write: () => Promise<Document<UploadSession>>): Promise<Document<UploadSession>> {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof DocumentChanged)) throw error;
      throw refusal(error.current?.value as UploadSession | undefined);
    }
  }
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
