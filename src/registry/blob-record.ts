/**
 * Blob records: for each digest one document that says whether its bytes are here, and where.
 *
 * ```
 * (none) → live ⇄ condemned → gone → live (under new keys) …
 * ```
 *
 * A record is written under compare-and-swap only. Bytes up to 16 KiB stand inside the record.
 */
import type { Digest } from "../oci/digest.ts";
import { type Document, DocumentChanged, DocumentDamaged } from "../storage/document.ts";
import type { CachePolicy } from "../storage/document-cache.ts";
import type { Documents, NewState } from "../storage/documents.ts";
import type { RecentDocuments, Recollection } from "../storage/recent-documents.ts";
import { layout } from "./layout.ts";

/** Blobs up to this size live inside their record: one durable write, one read. */
export const inlineLimit = 16 * 1024;

export interface Segment {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
}

export type BlobRecord =
  /** Without segments the bytes are the document's content. */
  | {
      readonly state: "live" | "condemned";
      readonly size: number;
      readonly segments?: readonly Segment[];
    }
  | {
      readonly state: "gone";
      readonly last: readonly string[];
      /** It was not collected: what was here was not what it should have been. */
      readonly damaged?: true;
    };

export type PresentRecord = Extract<BlobRecord, { size: number }>;

export type RecordDocument = Document<BlobRecord>;

export function isPresent(record: RecordDocument | undefined): record is Document<PresentRecord> {
  return record !== undefined && record.value.state !== "gone";
}

/** A record that cannot be read leads to nothing; pushing the blob again replaces it. */
const unreadable: BlobRecord = { state: "gone", last: [], damaged: true };

/** Why there is no content, for those who are told so. */
export function isDamaged(record: RecordDocument | undefined): boolean {
  return record?.value.state === "gone" && record.value.damaged === true;
}

/** A data key is written once and holds verified bytes of its digest, whatever the record says later. */
const policy: CachePolicy<BlobRecord> = {
  keeps: isPresent,
  lasting: true,
  weigh: ({ value }) => (value.state === "gone" ? 0 : (value.segments?.length ?? 0) * 200),
};

export class BlobRecords {
  readonly #documents: Documents;
  readonly #recent: RecentDocuments;

  constructor(documents: Documents, recent: RecentDocuments) {
    this.#documents = documents;
    this.#recent = recent;
  }

  /** For readers of the bytes alone; promises nothing. */
  async find(digest: Digest): Promise<RecordDocument | undefined> {
    try {
      return await this.#recent.read(layout.record(digest), policy);
    } catch (error) {
      if (!(error instanceof DocumentDamaged)) throw error;
      return this.read(digest);
    }
  }

  /** The same without waiting; undefined when the store has to be asked, or the blob is not here. */
  recall(digest: Digest): Recollection<Document<PresentRecord>> | undefined {
    const ground = this.#recent.recall(layout.record(digest), policy);
    const record = ground?.document;
    return ground && isPresent(record) ? { value: record, grounds: [ground] } : undefined;
  }

  /** A record that was found has named data that is not there any more. */
  forget(digest: Digest): void {
    this.#recent.forget(layout.record(digest));
  }

  /** What is so now. */
  read(digest: Digest): Promise<RecordDocument | undefined> {
    return this.#documents.readOver<BlobRecord>(layout.record(digest), unreadable);
  }

  /**
   * The protocol's EXISTS: whoever is told "here" while the collector has condemned the blob rescues
   * it first. Uncached.
   *
   * @returns the live record, undefined when the blob is not here
   */
  async exists(digest: Digest): Promise<Document<PresentRecord> | undefined> {
    const record = await this.settled(digest);
    return isPresent(record) ? record : undefined;
  }

  /** Like `exists`; what is not here comes as it is. */
  async settled(digest: Digest): Promise<RecordDocument | undefined> {
    let record = await this.read(digest);
    while (isPresent(record) && record.value.state !== "live") record = await this.#rescue(record);
    return record;
  }

  /**
   * Points the digest at bytes that are durable by now.
   *
   * @param fence the record as it was **before** the bytes were written: it makes a sweeper's late
   *              delete and this write exclude each other
   * @throws {DocumentChanged} with what is there instead
   */
  publish(
    digest: Digest,
    fence: RecordDocument | undefined,
    state: NewState<PresentRecord>,
  ): Promise<RecordDocument> {
    return fence
      ? this.#documents.replace<BlobRecord>(fence, state)
      : this.#documents.create<BlobRecord>(layout.record(digest), state);
  }

  async #rescue(record: Document<PresentRecord>): Promise<RecordDocument | undefined> {
    try {
      return await this.#documents.replace<BlobRecord>(record, {
        value: { ...record.value, state: "live" },
        content: record.content,
      });
    } catch (error) {
      if (error instanceof DocumentChanged) {
        return error.current as RecordDocument | undefined;
      }
      throw error;
    }
  }
}
