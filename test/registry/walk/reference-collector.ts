/**
 * The collector and the sweeper of the storage protocol, step by step, with all ages zero.
 *
 * Ages only give clients time; that nothing acknowledged is lost must hold without them. So this one
 * takes everything as soon as the protocol lets it.
 */
import { randomBytes } from "node:crypto";
import { type Digest, parseDigest } from "../../../src/oci/digest.ts";
import type { BlobRecord, RecordDocument } from "../../../src/registry/blob-record.ts";
import { layout } from "../../../src/registry/layout.ts";
import type { ManifestLink } from "../../../src/registry/manifest-link.ts";
import type { UploadSession } from "../../../src/registry/upload-session.ts";
import { type Document, DocumentChanged, Documents } from "../../../src/storage/document.ts";
import type { ObjectStore } from "../../../src/storage/object-store.ts";
import { allKeys } from "../../storage/bytes.ts";

interface Roots {
  readonly marks: ReadonlySet<Digest>;
  readonly pending: readonly Document<ManifestLink>[];
}

/** Ended while it may still be published; tells who clears up which record to look at. */
interface AbortedSession {
  readonly state: "closed";
  readonly target: Digest;
}

export class ReferenceCollector {
  readonly #store: ObjectStore;
  readonly #documents: Documents;
  /** Condemned as the previous cycle saw them, before the scan of the next began. */
  #condemned = new Map<Digest, RecordDocument>();
  /** Pending links as the previous cycle saw them. */
  #pending = new Map<string, Document<ManifestLink>>();

  constructor(store: ObjectStore) {
    this.#store = store;
    this.#documents = new Documents(store);
  }

  async collect(): Promise<void> {
    const { marks, pending } = await this.#scanRoots();
    const before = this.#condemned;
    this.#condemned = new Map();
    for (const [digest, record] of before) {
      if (marks.has(digest)) await this.#move(record, { ...record.value, state: "live" } as never);
      else await this.#take(record);
    }
    await this.#condemn(marks);
    await this.#expire(pending);
  }

  async sweep(): Promise<void> {
    for (const key of await allKeys(this.#store, "data/")) {
      const session = /^data\/up\/[^/]+\/([0-9a-f]+)\./.exec(key)?.[1];
      const digest = /^data\/(sha(?:256|512))\/[^/]+\/([0-9a-f]+)\./.exec(key);
      if (session) await this.#sweepSegment(key, session);
      else await this.#sweepData(key, parseDigest(`${digest?.[1]}:${digest?.[2]}`));
    }
  }

  async #scanRoots(): Promise<Roots> {
    const marks = new Set<Digest>();
    const pending: Document<ManifestLink>[] = [];
    for (const key of await allKeys(this.#store, "link/")) {
      const link = await this.#documents.read<ManifestLink>(key);
      if (!link || link.value.state === "deleted") continue;
      if (link.value.state === "pending") pending.push(link);
      if ("closure" in link.value) for (const digest of link.value.closure) marks.add(digest);
    }
    return { marks, pending };
  }

  async #condemn(marks: ReadonlySet<Digest>): Promise<void> {
    for (const key of await allKeys(this.#store, "rec/")) {
      const record = await this.#documents.read<BlobRecord>(key);
      const digest = digestOfRecord(key);
      if (record?.value.state === "condemned") this.#condemned.set(digest, record);
      if (record?.value.state !== "live" || marks.has(digest)) continue;
      const condemned = await this.#move(record, { ...record.value, state: "condemned" });
      if (condemned) this.#condemned.set(digest, condemned);
    }
  }

  async #take(record: RecordDocument): Promise<void> {
    const last = keysIn(record.value);
    if (!(await this.#move(record, { state: "gone", last }))) return;
    for (const key of last) await this.#store.delete(key);
  }

  async #expire(pending: readonly Document<ManifestLink>[]): Promise<void> {
    const before = this.#pending;
    this.#pending = new Map(pending.map((link) => [link.key, link]));
    for (const link of pending) {
      if (before.get(link.key)?.revision !== link.revision) continue;
      await this.#documents
        .replace<ManifestLink>(link, { value: { state: "deleted" } })
        .catch(changed);
    }
  }

  async #sweepData(key: string, digest: Digest): Promise<void> {
    const record = await this.#documents.read<BlobRecord>(layout.record(digest));
    if (record && record.value.state !== "gone") {
      if (!keysIn(record.value).includes(key)) await this.#store.delete(key);
      return;
    }
    if (record?.value.state === "gone" && record.value.last.includes(key)) {
      await this.#store.delete(key);
    } else if (await this.#fence(digest, record, key)) await this.#store.delete(key);
  }

  /** @returns whether whoever wanted to publish the key cannot any more */
  async #fence(digest: Digest, record: RecordDocument | undefined, key: string): Promise<boolean> {
    const value: BlobRecord = { state: "gone", last: [`nonce-${randomBytes(6).toString("hex")}`] };
    try {
      if (record) await this.#documents.replace<BlobRecord>(record, { value });
      else await this.#documents.create<BlobRecord>(layout.record(digest), { value });
      return true;
    } catch (error) {
      if (!(error instanceof DocumentChanged)) throw error;
      const current = error.current?.value as BlobRecord | undefined;
      return current === undefined || !keysIn(current).includes(key);
    }
  }

  async #sweepSegment(key: string, session: string): Promise<void> {
    const document = await this.#documents.read<UploadSession | AbortedSession>(
      layout.session(session),
    );
    const { value } = document ?? {};
    if (document && value?.state === "open") {
      const aborted = await this.#documents
        .replace<UploadSession>(document as Document<UploadSession>, { value: { state: "closed" } })
        .catch(changed);
      if (aborted) await this.#store.delete(key);
      return;
    }
    const target = value && "target" in value ? value.target : undefined;
    if (document && target !== undefined) await this.#sweepCommitting(key, document, target);
    // Decided: whatever names the key now does so for good, or until it is collected.
    else if (!(await this.#isNamed(key))) await this.#store.delete(key);
  }

  async #sweepCommitting(
    key: string,
    document: Document<UploadSession | AbortedSession>,
    target: Digest,
  ): Promise<void> {
    if (document.value.state === "committing") {
      const value: AbortedSession = { state: "closed", target };
      const aborted = await this.#documents
        .replace<UploadSession | AbortedSession>(document, { value })
        .catch(changed);
      if (!aborted) return;
    }
    await this.#sweepData(key, target);
  }

  async #isNamed(key: string): Promise<boolean> {
    for (const name of await allKeys(this.#store, "rec/")) {
      const record = await this.#documents.read<BlobRecord>(name);
      if (record && keysIn(record.value).includes(key)) return true;
    }
    return false;
  }

  /** @returns undefined when somebody else was first */
  async #move(record: RecordDocument, value: BlobRecord): Promise<RecordDocument | undefined> {
    const content = value.state === "gone" ? Buffer.alloc(0) : record.content;
    return this.#documents.replace<BlobRecord>(record, { value, content }).catch(changed);
  }
}

export function keysIn(record: BlobRecord): string[] {
  return record.state === "gone" ? [] : (record.segments ?? []).map(({ key }) => key);
}

export function digestOfRecord(key: string): Digest {
  const [, algorithm = "", , hex = ""] = key.split("/");
  return parseDigest(`${algorithm}:${hex}`);
}

function changed(error: unknown): undefined {
  if (!(error instanceof DocumentChanged)) throw error;
}
