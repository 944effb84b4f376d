/**
 * Upload sessions as the sweeper sees them: which have been given up, and which can be forgotten.
 *
 * A session whose version has not changed for as long as an upload may take is ended. One that is over
 * is remembered for as long as its id is valid: it keeps the id from being used again.
 */
import type { Documents } from "../../storage/documents.ts";
import type { ObjectStore, Revision } from "../../storage/object-store.ts";
import { layout, sessionOfKey } from "../layout.ts";
import { closed, type UploadSession } from "../upload-session.ts";
import type { Cycle } from "./cycle.ts";
import { WatchedDocuments } from "./watched-documents.ts";

export class SessionWatch {
  readonly #documents: Documents;
  readonly #watched: WatchedDocuments<UploadSession, UploadSession["state"]>;
  /** Those with data about which something is open. */
  readonly #kept = new Set<string>();

  constructor(store: ObjectStore, documents: Documents) {
    this.#documents = documents;
    this.#watched = new WatchedDocuments(store, documents, {
      prefix: layout.sessions,
      keep: (_key, { state }) => state,
      removable: true,
    });
  }

  async scan(cycle: Cycle): Promise<void> {
    this.#kept.clear();
    await this.#watched.scan(cycle);
  }

  /** Whether it was there when the scan began or later. */
  has(session: string): boolean {
    return this.#watched.of(layout.session(session)) !== undefined;
  }

  /** Whether this version has been the newest for too long. */
  isGivenUp(session: string, revision: Revision, cycle: Cycle): boolean {
    const seen = this.#watched.of(layout.session(session));
    return seen?.revision === revision && cycle.watched(seen.sinceMs, cycle.ages.orphanMs);
  }

  /** Not to be forgotten in this cycle. */
  keep(session: string): void {
    this.#kept.add(session);
  }

  /** Ends what was given up before it had data, and forgets what is over. Behind the sweep of data. */
  async tidy(cycle: Cycle): Promise<void> {
    const due = [...this.#watched.all].filter(({ kept, sinceMs }) =>
      cycle.watched(sinceMs, kept === "closed" ? memoryMs(cycle) : cycle.ages.orphanMs),
    );
    await cycle.pace.each(due, (session) =>
      cycle.tolerate(async () => {
        if (session.kept === "closed") return this.#forget(session.key, cycle);
        const ended = await this.#watched.change(session, cycle, (value) =>
          value.state === "closed" ? undefined : closed(value),
        );
        if (ended) cycle.report.sessions += 1;
      }),
    );
  }

  async #forget(key: string, cycle: Cycle): Promise<void> {
    if (!cycle.acting || this.#kept.has(sessionOfKey(key))) return;
    await cycle.next();
    await this.#documents.remove(key);
  }
}

/**
 * An id must not come to life again: its session could be forgotten a second time, in the middle of
 * its upload. So the id's life counts twice, for clocks that differ and for requests that stall.
 */
function memoryMs({ ages: { orphanMs, uploadLifeMs } }: Cycle): number {
  return Math.max(orphanMs, 2 * uploadLifeMs);
}
