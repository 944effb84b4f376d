/**
 * Frees what nothing references any more, while the registry serves.
 *
 * Any number of instances may run one, each for itself, without a lock: they meet in the documents
 * only, under compare-and-swap. One cycle after the other; what a cycle has seen is acted on by a
 * later one. Follows CONTRIBUTING.md "Storage protocol".
 */
import type { Documents } from "../../storage/documents.ts";
import type { ObjectStore, UnfinishedUploads } from "../../storage/object-store.ts";
import type { StoredCount } from "../usage/count-stored.ts";
import { type CollectorAges, Cycle, CycleReport } from "./cycle.ts";
import { DataKeys } from "./data-keys.ts";
import { HiddenSweeper } from "./hidden-sweeper.ts";
import { type LinkOwner, LinkRoots } from "./link-roots.ts";
import { OrphanSweeper } from "./orphan-sweeper.ts";
import { Pace } from "./pace.ts";
import { RecordCollector } from "./record-collector.ts";
import { ReferrerSweeper } from "./referrer-sweeper.ts";
import { Marks, type RootSource } from "./roots.ts";
import { SessionWatch } from "./session-watch.ts";
import { TagSweeper } from "./tag-sweeper.ts";
import { UnfinishedSweeper } from "./unfinished-sweeper.ts";

export interface CollectorOptions {
  readonly ages: CollectorAges;
  /** Roots beside manifest links; scanned behind those. */
  readonly roots?: readonly RootSource[];
  /** Of links and tags that were made for packages. */
  readonly owner?: LinkOwner;
  /** Where data on its way in can outlive its writer. */
  readonly unfinished?: UnfinishedUploads;
  /** What counts all that is left at the end of a cycle. */
  readonly count?: StoredCount;
  readonly pace?: Pace;
  /** Monotonic milliseconds. */
  readonly clock?: () => number;
  /** Told of single objects that were left alone because the store failed. */
  readonly onFailure?: (error: unknown) => void;
}

export interface CycleRequest {
  readonly signal: AbortSignal;
  /** Look at everything and change nothing. */
  readonly dryRun?: boolean;
  /** Filled while the cycle runs. */
  readonly report?: CycleReport;
}

/** The store may hide new objects from a listing; collecting would take them for garbage. */
export class ListingUnreliable extends Error {
  readonly code = "LISTING_UNRELIABLE";
  constructor() {
    super("this object store does not list new objects at once: nothing can be collected safely");
    this.name = "ListingUnreliable";
  }
}

export class Collector {
  readonly #options: Required<Omit<CollectorOptions, "roots" | "owner" | "unfinished" | "count">>;
  readonly #roots: readonly RootSource[];
  readonly #records: RecordCollector;
  readonly #referrers: ReferrerSweeper;
  readonly #hidden: HiddenSweeper;
  readonly #sweeper: OrphanSweeper;
  readonly #unfinished: UnfinishedSweeper | undefined;
  readonly #count: StoredCount | undefined;
  #running = false;
  #marked = 0;

  /** @throws {ListingUnreliable} */
  constructor(store: ObjectStore, documents: Documents, options: CollectorOptions) {
    if (!store.listsEveryKey) throw new ListingUnreliable();
    const { ages, pace = new Pace(), clock = () => performance.now() } = options;
    this.#options = { ages, pace, clock, onFailure: options.onFailure ?? ignore };
    const links = new LinkRoots(store, documents, options.owner);
    this.#roots = [
      links,
      new TagSweeper(store, documents, options.owner),
      ...(options.roots ?? []),
    ];
    this.#unfinished = options.unfinished && new UnfinishedSweeper(options.unfinished);
    this.#count = options.count;
    const keys = new DataKeys();
    this.#records = new RecordCollector(store, documents, keys);
    this.#referrers = new ReferrerSweeper(store, documents, links.isLinked);
    this.#hidden = new HiddenSweeper(store, documents, this.#records.wasGone);
    const sessions = new SessionWatch(store, documents);
    this.#sweeper = new OrphanSweeper(store, documents, { keys, sessions });
  }

  /**
   * @returns what was found and done
   * @throws when a root cannot be read: then nothing was changed
   */
  async cycle({ signal, dryRun = false, report = new CycleReport() }: CycleRequest) {
    // What one cycle sees may be acted on only by a cycle that begins later.
    if (this.#running) throw new Error("a cycle is running");
    this.#running = true;
    try {
      const cycle = new Cycle({ ...this.#options, signal, acting: !dryRun, report });
      await this.#run(cycle);
      return report;
    } finally {
      this.#running = false;
    }
  }

  async #run(cycle: Cycle): Promise<void> {
    const marks = new Marks(this.#marked);
    for (const source of this.#roots) await source.scan(marks, cycle);
    this.#marked = marks.size;
    cycle.report.marked = marks.size;
    cycle.report.phase = "records";
    await this.#records.collect(marks, cycle);
    cycle.report.phase = "leftovers";
    for (const source of this.#roots) await source.tidy(cycle);
    await this.#referrers.sweep(cycle);
    await this.#hidden.sweep(cycle);
    cycle.report.phase = "data";
    await this.#sweeper.sweep(cycle);
    await this.#unfinished?.sweep(cycle);
    cycle.report.phase = "count";
    cycle.report.storedBytes = await this.#countStored(cycle);
    cycle.report.phase = "over";
  }

  async #countStored({ pace, signal, acting }: Cycle): Promise<number> {
    return (await this.#count?.take({ pace, signal, recorded: acting })) ?? 0;
  }
}

/** For collectors whose failures nobody follows; the report counts them. */
function ignore(): void {}
