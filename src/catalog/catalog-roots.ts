/**
 * What packages keep alive, for the collector: the content of every entry, pending and retired ones
 * included, and the links and tags that were made for it.
 *
 * Any entry whose record cannot be read ends the cycle. Pending entries that nobody completes are
 * ended, and retired ones when their time is over.
 */
import { type Digest, isDigest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import type { Cycle } from "../registry/collector/cycle.ts";
import type { LinkOwner } from "../registry/collector/link-roots.ts";
import type { Marks, RootSource } from "../registry/collector/roots.ts";
import { layout } from "../registry/layout.ts";
import type { Documents } from "../storage/documents.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { ObjectDamaged } from "../storage/store-error.ts";
import { type CatalogEntry, type CatalogValue, withoutEntry } from "./catalog-document.ts";
import type { PackageRecord } from "./package-record.ts";
import { PackageRecords } from "./package-records.ts";
import { RecordSweeper } from "./record-sweeper.ts";
import { isServedTag, packageHome } from "./served-names.ts";
import { StoredCatalog } from "./stored-catalog.ts";

export interface CatalogRootsOptions {
  /** How long the content of a removed package stays, in milliseconds. */
  readonly retainMs: number;
  readonly now?: () => Date;
  /** Where records of packages are listed; without it those that are over stay. */
  readonly store?: ObjectStore;
}

export class CatalogRoots implements RootSource, LinkOwner {
  readonly #documents: Documents;
  readonly #stored: StoredCatalog;
  readonly #records: PackageRecords;
  readonly #swept: RecordSweeper | undefined;
  readonly #retainMs: number;
  readonly #now: () => Date;
  /** When this process first saw each entry that is pending. */
  #pending: ReadonlyMap<string, number> = new Map();
  #entries: readonly CatalogEntry[] = [];
  /** By repository: what the packages that have images there keep alive. */
  #owned = new Map<string, ReadonlySet<Digest>[]>();
  #tags: ReadonlySet<string> = new Set();

  /** @param documents uncached: what is not seen here is taken for garbage */
  constructor(
    documents: Documents,
    { retainMs, now = () => new Date(), store }: CatalogRootsOptions,
  ) {
    this.#documents = documents;
    this.#stored = new StoredCatalog(documents);
    this.#records = new PackageRecords(documents);
    this.#swept = store && new RecordSweeper(store, documents);
    this.#retainMs = retainMs;
    this.#now = now;
  }

  async scan(marks: Marks, cycle: Cycle): Promise<void> {
    await this.#swept?.scan(cycle);
    const entries = await this.#read(cycle);
    this.#owned = new Map();
    const tags = new Set<string>();
    for (const entry of entries) {
      cycle.report.roots += 1;
      const record = await this.#record(entry, cycle);
      if (record === undefined) continue;
      const closure = new Set(record.closure);
      for (const digest of closure) marks.add(digest);
      this.#own(packageHome(record.definition.name), closure);
      for (const { repository, tag } of record.images) {
        this.#own(repository, closure);
        tags.add(`${repository}:${tag}`);
      }
    }
    this.#entries = entries;
    this.#tags = tags;
    const pending = entries.filter(({ state }) => state === "pending");
    const since = (id: string): number => this.#pending.get(id) ?? cycle.now();
    this.#pending = new Map(pending.map(({ id }) => [id, since(id)]));
  }

  ownsLink(repository: RepositoryName, digest: Digest): boolean {
    return this.#owned.get(repository)?.some((closure) => closure.has(digest)) ?? false;
  }

  ownsTag(repository: RepositoryName, tag: string): boolean {
    return this.#tags.has(`${repository}:${tag}`);
  }

  mayOwnTag(tag: string): boolean {
    return isServedTag(tag);
  }

  async tidy(cycle: Cycle): Promise<void> {
    const over = this.#entries.filter((entry) => this.#isOver(entry, cycle));
    for (const entry of over) await cycle.tolerate(() => this.#drop(entry, cycle));
    if (cycle.acting) await cycle.tolerate(() => this.#sweepRecords(cycle));
  }

  /** What the copy of the catalogue names must be there, too, for the day on which it is needed. */
  async #sweepRecords(cycle: Cycle): Promise<void> {
    await cycle.next();
    await this.#stored.copy();
    const named = new Set(this.#entries.map(({ record }) => record));
    await this.#swept?.sweep(named, cycle);
  }

  async #read(cycle: Cycle): Promise<readonly CatalogEntry[]> {
    await cycle.next();
    const document = cycle.acting
      ? await this.#stored.read()
      : await this.#documents.read<CatalogValue>(layout.catalog);
    // Documents never go away: this is a lost disk, and not a registry without packages.
    if (document === undefined && this.#entries.length > 0) {
      throw new ObjectDamaged(layout.catalog, "it vanished");
    }
    if (document && !Array.isArray(document.value.entries)) {
      throw new ObjectDamaged(layout.catalog, "it has no entries");
    }
    return document?.value.entries ?? [];
  }

  /**
   * @returns undefined for a pending entry whose record is not written yet: what it needs is looked up
   *          behind that
   */
  async #record(
    { record: digest, state }: CatalogEntry,
    cycle: Cycle,
  ): Promise<PackageRecord | undefined> {
    await cycle.next();
    const pending = state === "pending";
    const record = await (pending ? this.#records.find(digest) : this.#records.read(digest));
    if (record === undefined) return undefined;
    const whole = Array.isArray(record.closure) && record.closure.every(isDigest);
    if (!whole || !Array.isArray(record.images)) {
      throw new ObjectDamaged(layout.package(digest), "it is no package record");
    }
    return record;
  }

  #own(repository: string, closure: ReadonlySet<Digest>): void {
    const others = this.#owned.get(repository) ?? [];
    this.#owned.set(repository, [...others, closure]);
  }

  #isOver({ id, state, removedAt = "" }: CatalogEntry, cycle: Cycle): boolean {
    const seenMs = this.#pending.get(id);
    if (state === "pending") {
      return seenMs !== undefined && cycle.watched(seenMs, cycle.ages.graceMs);
    }
    // By the calendar, as people were told; what is safe does not depend on it.
    return state === "retired" && this.#now().getTime() - Date.parse(removedAt) >= this.#retainMs;
  }

  /** An entry that was committed or revived meanwhile is another one, or in another state. */
  async #drop({ id, state }: CatalogEntry, cycle: Cycle): Promise<void> {
    if (!cycle.acting) return;
    await cycle.next();
    let dropped = false;
    await this.#stored.update((current) => {
      dropped = current.entries.some((one) => one.id === id && one.state === state);
      return dropped ? withoutEntry(current, id) : undefined;
    });
    if (dropped) cycle.report.expired += 1;
  }
}
