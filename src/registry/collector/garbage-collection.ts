/** What the rest of the server sees of the collector, whichever process it runs in. */
import type { CycleReport } from "./cycle.ts";

export interface EndedCycle {
  /** ISO 8601, for people. */
  readonly begunAt: string;
  readonly endedAt: string;
  readonly dryRun: boolean;
  readonly report: CycleReport;
  /** Why it did not come to its end. */
  readonly error?: unknown;
}

export interface CollectorStatus {
  readonly state: "off" | "waiting" | "running";
  /** Why it is off. */
  readonly reason?: string;
  /**
   * Milliseconds from when something is deleted to when its bytes are free, at the latest: while
   * cycles come to their end, and the server is not started anew.
   */
  readonly delayMs?: number;
  /** That came to their end since the server started. */
  readonly cycles: number;
  /** What the cycle that runs has found and done so far. */
  readonly current?: CycleReport;
  readonly last?: EndedCycle;
}

export interface GarbageCollection {
  status(): Promise<CollectorStatus>;

  /**
   * A cycle now, behind the one that may be running.
   *
   * @param options.dryRun look at everything and change nothing
   * @throws {CollectionOff}
   */
  run(options?: { dryRun?: boolean }): Promise<CycleReport>;

  /** Asks for a cycle behind the one that may be running, and waits for nothing. */
  request(): void;
}

/** There is no collector on this registry. */
export class CollectionOff extends Error {
  readonly code = "GC_OFF";
  readonly reason: string;
  constructor(reason: string) {
    super(`garbage collection is off: ${reason}`);
    this.reason = reason;
    this.name = "CollectionOff";
  }
}

/** Says why, and does nothing. */
export class NoCollection implements GarbageCollection {
  readonly #reason: string;

  constructor(reason: string) {
    this.#reason = reason;
  }

  async status(): Promise<CollectorStatus> {
    return { state: "off", reason: this.#reason, cycles: 0 };
  }

  async run(): Promise<CycleReport> {
    throw new CollectionOff(this.#reason);
  }

  request(): void {
    // The status says why nothing comes of it.
  }
}

/** Bytes that the next cycles may free, as the last one saw it; undefined before there was one. */
export function reclaimableBytes({ last }: CollectorStatus): number | undefined {
  if (last === undefined || last.error !== undefined) return undefined;
  return last.report.unreferencedBytes - last.report.collectedBytes;
}
