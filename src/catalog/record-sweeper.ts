/**
 * Package records that no entry of the catalogue names any more.
 *
 * A record goes from the version that was seen before the catalogue was read. Whoever publishes writes
 * it anew behind his entry, and that makes it stale. What is left is a tombstone: the name can come back.
 */
import type { Digest } from "../oci/digest.ts";
import type { Cycle } from "../registry/collector/cycle.ts";
import { WatchedDocuments } from "../registry/collector/watched-documents.ts";
import { layout } from "../registry/layout.ts";
import type { Documents } from "../storage/documents.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { clearedRecord, isCleared, type StoredRecord } from "./package-records.ts";

export class RecordSweeper {
  readonly #watched: WatchedDocuments<StoredRecord, "here" | "cleared">;

  constructor(store: ObjectStore, documents: Documents) {
    this.#watched = new WatchedDocuments(store, documents, {
      prefix: layout.packages,
      keep: (_key, record) => (isCleared(record) ? "cleared" : "here"),
      skipDamaged: true,
    });
  }

  /** Before the catalogue is read. */
  scan(cycle: Cycle): Promise<void> {
    return this.#watched.scan(cycle);
  }

  /** @param named by entries of any state, as they were behind the scan */
  async sweep(named: ReadonlySet<Digest>, cycle: Cycle): Promise<void> {
    const kept = new Set([...named].map((digest) => layout.package(digest)));
    for (const record of this.#watched.all) {
      const over = record.kept === "here" && !kept.has(record.key);
      if (!over || !cycle.watched(record.sinceMs, cycle.ages.graceMs)) continue;
      await cycle.tolerate(async () => {
        const cleared = await this.#watched.change(record, cycle, () => clearedRecord);
        if (cleared) cycle.report.tidied += 1;
      });
    }
  }
}
