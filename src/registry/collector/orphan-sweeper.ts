/**
 * Deletes data that no record names and that nobody can publish any more.
 *
 * Whoever writes data may be about to publish it, however long ago that was. So the record, or the
 * upload session, is moved first: that makes the writer's version stale, and then the data goes.
 * Source: CONTRIBUTING.md "Storage protocol".
 */
import type { Digest } from "../../oci/digest.ts";
import { type Document, DocumentChanged } from "../../storage/document.ts";
import type { Documents } from "../../storage/documents.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import type { BlobRecord, RecordDocument } from "../blob-record.ts";
import { layout, originOfData } from "../layout.ts";
import { closed, type UploadSession } from "../upload-session.ts";
import type { Cycle } from "./cycle.ts";
import type { DataKeys } from "./data-keys.ts";
import { listPages } from "./listing.ts";
import type { SessionWatch } from "./session-watch.ts";
import { UndecidedKeys } from "./undecided-keys.ts";

export class OrphanSweeper {
  readonly #store: ObjectStore;
  readonly #documents: Documents;
  readonly #keys: DataKeys;
  readonly #sessions: SessionWatch;

  constructor(
    store: ObjectStore,
    documents: Documents,
    { keys, sessions }: { keys: DataKeys; sessions: SessionWatch },
  ) {
    this.#store = store;
    this.#documents = documents;
    this.#keys = keys;
    this.#sessions = sessions;
  }

  async sweep(cycle: Cycle): Promise<void> {
    await this.#sessions.scan(cycle);
    const undecided = new UndecidedKeys(this.#store, this.#documents, this.#keys);
    this.#keys.beginListing();
    const listing = { store: this.#store, pace: cycle.pace, signal: cycle.signal };
    for await (const page of listPages(listing, layout.data, { stamps: false })) {
      await cycle.pace.each(page, ({ key }) => this.#visit(key, undecided, cycle));
    }
    this.#keys.endListing();
    await undecided.sweep(cycle, (key) => this.#delete(key, cycle));
    await this.#sessions.tidy(cycle);
  }

  async #visit(key: string, undecided: UndecidedKeys, cycle: Cycle): Promise<void> {
    const origin = originOfData(key);
    if (origin === undefined) return;
    const since = this.#keys.see(key, cycle.now());
    if (this.#keys.isNamed(key)) return;
    const old = cycle.watched(since ?? cycle.now(), cycle.ages.orphanMs);
    if ("digest" in origin) {
      if (old) await cycle.tolerate(() => this.#sweepOf(origin.digest, key, cycle));
      return;
    }
    const { session } = origin;
    if (!this.#sessions.has(session)) {
      // The session was there before its data. One that is not listed behind the data is over.
      if (old && since !== undefined) undecided.add(key);
      return;
    }
    let decided = false;
    if (old) {
      await cycle.tolerate(async () => {
        decided = await this.#sweepSegment(session, key, cycle);
      });
    }
    if (!decided) this.#sessions.keep(session);
  }

  /** @returns whether nothing about the key is open any more */
  async #sweepSegment(session: string, key: string, cycle: Cycle): Promise<boolean> {
    await cycle.next();
    const document = await this.#documents.read<UploadSession>(layout.session(session));
    if (document === undefined) return false;
    const ended =
      document.value.state === "closed" ? document : await this.#abort(session, document, cycle);
    if (ended?.value.state !== "closed") return false;
    // Announced, so it may be published by whoever has announced it, until the record has moved.
    if (ended.value.target) await this.#sweepOf(ended.value.target, key, cycle);
    else await this.#delete(key, cycle);
    return true;
  }

  /** @returns the session as it is closed now, undefined when it goes on */
  async #abort(
    session: string,
    document: Document<UploadSession>,
    cycle: Cycle,
  ): Promise<Document<UploadSession> | undefined> {
    if (document.value.state === "closed") return document;
    if (!this.#sessions.isGivenUp(session, document.revision, cycle) || !cycle.acting) return;
    try {
      const value = closed(document.value);
      const ended = await this.#documents.replace<UploadSession>(document, { value });
      cycle.report.sessions += 1;
      return ended;
    } catch (error) {
      if (!(error instanceof DocumentChanged)) throw error;
      return undefined; // it goes on, or somebody else has ended it: next time
    }
  }

  /** Data of a known digest. Its record decides, and is moved before the data goes. */
  async #sweepOf(digest: Digest, key: string, cycle: Cycle): Promise<void> {
    await cycle.next();
    const record = await this.#documents.read<BlobRecord>(layout.record(digest));
    if (names(record?.value, key)) return this.#keys.setNamed(key, true);
    const settled = record && (record.value.state !== "gone" || record.value.last.includes(key));
    if (!cycle.acting) return;
    if (settled || (await this.#fence(digest, record, key))) await this.#delete(key, cycle);
  }

  /** @returns whether whoever wanted to publish the key cannot any more, and has not */
  async #fence(digest: Digest, record: RecordDocument | undefined, key: string): Promise<boolean> {
    const gone = record?.value.state === "gone" ? record.value : undefined;
    const value: BlobRecord = { ...gone, state: "gone", last: [key] };
    try {
      if (record) await this.#documents.replace<BlobRecord>(record, { value });
      else await this.#documents.create<BlobRecord>(layout.record(digest), { value });
      return true;
    } catch (error) {
      if (!(error instanceof DocumentChanged)) throw error;
      // Whoever moved it has made the version stale that the key could be published from.
      const moved = error.current?.value as BlobRecord | undefined;
      if (names(moved, key)) this.#keys.setNamed(key, true);
      return !names(moved, key);
    }
  }

  async #delete(key: string, cycle: Cycle): Promise<void> {
    if (!cycle.acting) return;
    await cycle.next();
    await this.#store.delete(key);
    cycle.report.orphans += 1;
  }
}

function names(record: BlobRecord | undefined, key: string): boolean {
  if (record === undefined || record.state === "gone") return false;
  return record.segments?.some((segment) => segment.key === key) ?? false;
}
