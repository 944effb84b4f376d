/**
 * One round of a collector: how it may act, how fast, and what it has done so far.
 *
 * Ages are measured on this process' own monotonic clock, from when this process has seen something.
 * Nothing acknowledged depends on them: they only give clients time.
 */
import { ObjectDamaged, StoreFull, StoreUnavailable } from "../../storage/store-error.ts";
import type { Pace } from "./pace.ts";

/** Milliseconds. */
export interface CollectorAges {
  /** From when a blob was seen condemned to its end; a client told "exists" has this long. */
  readonly graceMs: number;
  /** How long a blob that nothing references is left alone before it is condemned. */
  readonly settleMs: number;
  /**
   * How long data that no record names, and uploads without progress, are left alone. Not less than
   * `uploadLifeMs`, or clients lose uploads that they were promised.
   */
  readonly orphanMs: number;
  /** How long an upload's id is valid: its session is remembered twice as long. */
  readonly uploadLifeMs: number;
}

/** What one cycle found and did. */
export class CycleReport {
  phase: "roots" | "records" | "leftovers" | "data" | "count" | "over" = "roots";
  /** Manifest links and catalogue entries that keep content alive. */
  roots = 0;
  /** Digests that they keep alive. */
  marked = 0;
  records = 0;
  /** Blobs that are here and that nothing references. */
  unreferenced = 0;
  unreferencedBytes = 0;
  condemned = 0;
  /** Referenced again in time. */
  rescued = 0;
  collected = 0;
  collectedBytes = 0;
  /** Pending links and catalogue entries whose writers have given up. */
  expired = 0;
  /** Data that no record named. */
  orphans = 0;
  /** Upload sessions ended, and forgotten. */
  sessions = 0;
  /** Leftovers of deleted content: tags, twins, referrers, markers, repositories. */
  tidied = 0;
  /** Bytes of all content, as counted behind all this; 0 where nobody counts. */
  storedBytes = 0;
  /** What could not be read or written, and was left for the next cycle. */
  failures = 0;
}

export interface CycleOptions {
  readonly pace: Pace;
  readonly signal: AbortSignal;
  readonly clock: () => number;
  readonly ages: CollectorAges;
  /** False for a dry run: everything is looked at, nothing is changed. */
  readonly acting: boolean;
  readonly report: CycleReport;
  /** Told of what failed and was left alone. */
  readonly onFailure: (error: unknown) => void;
}

/** A store that does not answer so often in one cycle is not worth asking on. */
const mostFailures = 20;

export class Cycle {
  readonly pace: Pace;
  readonly signal: AbortSignal;
  readonly ages: CollectorAges;
  readonly acting: boolean;
  readonly report: CycleReport;
  /** When it began: whatever was seen before was seen before the roots were scanned. */
  readonly begunMs: number;
  readonly #clock: () => number;
  readonly #onFailure: (error: unknown) => void;
  #unanswered = 0;

  constructor({ pace, signal, clock, ages, acting, report, onFailure }: CycleOptions) {
    this.pace = pace;
    this.signal = signal;
    this.ages = ages;
    this.acting = acting;
    this.report = report;
    this.#clock = clock;
    this.#onFailure = onFailure;
    this.begunMs = clock();
  }

  now(): number {
    return this.#clock();
  }

  /** Whether something first seen then had been seen for that long when this cycle began. */
  watched(sinceMs: number, ageMs: number): boolean {
    return this.begunMs - sinceMs >= ageMs;
  }

  /** Before each request. */
  next(): Promise<void> {
    return this.pace.next(this.signal);
  }

  /**
   * Work on one object: when it fails the object is left as it is. Not for reading roots: what is not
   * seen there would be taken for garbage.
   */
  async tolerate(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isOfStore(error)) throw error;
      this.report.failures += 1;
      this.#onFailure(error);
      // What is damaged stays so, and where there is no room others may still make some.
      if (error instanceof StoreUnavailable) this.#unanswered += 1;
      if (this.#unanswered > mostFailures) throw error;
    }
  }
}

function isOfStore(error: unknown): boolean {
  return (
    error instanceof StoreUnavailable ||
    error instanceof StoreFull ||
    error instanceof ObjectDamaged
  );
}
