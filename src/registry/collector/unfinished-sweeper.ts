/**
 * Ends uploads in parts that nobody goes on with: what a dead process left in a bucket.
 *
 * They are no objects, so no listing of data shows them, and nothing names them. One that this process
 * has seen for as long as orphans are left alone is older than any single request; whoever should
 * still write it cannot complete it any more, and publishes nothing.
 */
import type { UnfinishedUpload, UnfinishedUploads } from "../../storage/object-store.ts";
import type { Cycle } from "./cycle.ts";

export class UnfinishedSweeper {
  readonly #uploads: UnfinishedUploads;
  /** When this process first saw each, by id and key. */
  #seen: ReadonlyMap<string, number> = new Map();

  constructor(uploads: UnfinishedUploads) {
    this.#uploads = uploads;
  }

  async sweep(cycle: Cycle): Promise<void> {
    await cycle.tolerate(async () => {
      await cycle.next();
      const uploads = await this.#uploads.unfinished();
      const now = cycle.now();
      const seen = new Map(uploads.map((one) => [nameOf(one), this.#seen.get(nameOf(one)) ?? now]));
      this.#seen = seen;
      const old = uploads.filter((one) =>
        cycle.watched(seen.get(nameOf(one)) ?? now, cycle.ages.orphanMs),
      );
      await cycle.pace.each(cycle.acting ? old : [], (upload) =>
        cycle.tolerate(() => this.#discard(upload, cycle)),
      );
    });
  }

  async #discard(upload: UnfinishedUpload, cycle: Cycle): Promise<void> {
    await cycle.next();
    await this.#uploads.discardUnfinished(upload);
    cycle.report.orphans += 1;
  }
}

function nameOf({ id, key }: UnfinishedUpload): string {
  return `${id} ${key}`;
}
