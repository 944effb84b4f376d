/**
 * Takes blobs that no root keeps alive: live → condemned → gone, then their data.
 *
 * A record is set to gone only from a version that was read before the roots were scanned, and only
 * after everything promised about it has run out. Whoever says "here" meanwhile makes that version
 * stale. Source: CONTRIBUTING.md "Storage protocol".
 */
import type { Digest } from "../../oci/digest.ts";
import { type Document, unlessChanged } from "../../storage/document.ts";
import type { Documents } from "../../storage/documents.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import {
  type BlobRecord,
  isPresent,
  type PresentRecord,
  type RecordDocument,
} from "../blob-record.ts";
import { digestOfRecordKey, layout } from "../layout.ts";
import type { Cycle } from "./cycle.ts";
import type { DataKeys } from "./data-keys.ts";
import { listPages } from "./listing.ts";
import { RecordSightings, type Sighting } from "./record-sightings.ts";
import type { Marks } from "./roots.ts";

interface Visit {
  readonly key: string;
  readonly digest: Digest;
  readonly stamp: string | undefined;
  /** From an earlier cycle, so from before the roots were scanned. */
  readonly before: Sighting | undefined;
}

export class RecordCollector {
  readonly #store: ObjectStore;
  readonly #documents: Documents;
  readonly #keys: DataKeys;
  readonly #sightings = new RecordSightings();

  /** @param keys told which data is named, and which not any more */
  constructor(store: ObjectStore, documents: Documents, keys: DataKeys) {
    this.#store = store;
    this.#documents = documents;
    this.#keys = keys;
  }

  /** Whether nothing of it was left when it was last looked at. */
  readonly wasGone = (digest: Digest): boolean => this.#sightings.of(digest)?.state === "gone";

  /** @param marks of a scan that this cycle has made */
  async collect(marks: Marks, cycle: Cycle): Promise<void> {
    const listing = { store: this.#store, pace: cycle.pace, signal: cycle.signal };
    for await (const page of listPages(listing, layout.records)) {
      cycle.report.records += page.length;
      await cycle.pace.each(page, ({ key, stamp }) => {
        const digest = digestOfRecordKey(key);
        const visit = { key, digest, stamp, before: this.#sightings.of(digest) };
        return cycle.tolerate(() =>
          marks.has(digest) ? this.#spare(visit, cycle) : this.#visit(visit, cycle),
        );
      });
    }
  }

  /** Referenced; one that was condemned is set live again, so that nobody else has to. */
  async #spare({ key, digest, before }: Visit, cycle: Cycle): Promise<void> {
    if (before?.state !== "condemned") return;
    this.#sightings.forget(digest);
    if (!cycle.acting) return;
    await cycle.next();
    const record = await this.#documents.read<BlobRecord>(key);
    if (!isPresent(record) || !before.isOf(record)) return;
    const rescued = await this.#move(record, { ...record.value, state: "live" });
    if (rescued) cycle.report.rescued += 1;
  }

  async #visit(visit: Visit, cycle: Cycle): Promise<void> {
    const { key, digest, stamp, before } = visit;
    if (before?.isStampedAs(stamp) && !isDue(before, cycle)) return count(before, cycle);
    await cycle.next();
    const record = await this.#documents.read<BlobRecord>(key);
    if (record === undefined) return;
    this.#keys.learn(record.value);
    const seen = this.#sightings.note(digest, record, stamp, cycle.now());
    count(seen, cycle);
    if (!isPresent(record) || !cycle.acting || !isDue(seen, cycle)) return;
    // Only what an earlier cycle has seen condemned in this very version.
    if (seen.state === "condemned" && before?.isOf(record)) await this.#take(digest, record, cycle);
    else if (seen.state === "live") await this.#condemn(digest, record, cycle);
  }

  async #condemn(digest: Digest, record: Document<PresentRecord>, cycle: Cycle): Promise<void> {
    const condemned = await this.#move(record, { ...record.value, state: "condemned" });
    if (condemned === undefined) return this.#sightings.forget(digest);
    this.#sightings.note(digest, condemned, undefined, cycle.now());
    cycle.report.condemned += 1;
  }

  async #take(digest: Digest, record: Document<PresentRecord>, cycle: Cycle): Promise<void> {
    const last = (record.value.segments ?? []).map(({ key }) => key);
    this.#sightings.forget(digest);
    const gone = await this.#move(record, { state: "gone", last });
    if (gone === undefined) return;
    this.#keys.learn(gone.value);
    cycle.report.collected += 1;
    cycle.report.collectedBytes += record.value.size;
    // What this cannot delete, or a crash leaves, is an orphan: the sweeper knows it by the record.
    await Promise.all(last.map((key) => this.#store.delete(key)));
  }

  /** @returns undefined when somebody else was first */
  #move(record: RecordDocument, value: BlobRecord): Promise<RecordDocument | undefined> {
    const content = value.state === "gone" ? {} : { content: record.content };
    return this.#documents.replace<BlobRecord>(record, { value, ...content }).catch(unlessChanged);
  }
}

function isDue({ state, sinceMs }: Sighting, cycle: Cycle): boolean {
  if (state === "condemned") return cycle.watched(sinceMs, cycle.ages.graceMs);
  return state === "live" && cycle.now() - sinceMs >= cycle.ages.settleMs;
}

function count({ state, size }: Sighting, { report }: Cycle): void {
  if (state === "gone") return;
  report.unreferenced += 1;
  report.unreferencedBytes += size;
}
