/**
 * Runs a collector again and again, and when somebody asks, never two cycles at the same time.
 *
 * A cycle that fails has changed nothing that it should not have; the next one begins anew.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Collector } from "./collector.ts";
import { CycleReport } from "./cycle.ts";
import type { CollectorStatus, EndedCycle, GarbageCollection } from "./garbage-collection.ts";

export interface CollectorLoopOptions {
  /** From the end of a cycle to the beginning of the next. */
  readonly pauseMs: number;
  readonly onCycle?: (cycle: EndedCycle) => void;
  /** Told by the status; see there. */
  readonly delayMs?: number;
  readonly now?: () => Date;
}

export class CollectorLoop implements GarbageCollection {
  readonly #collector: Collector;
  readonly #options: Required<Omit<CollectorLoopOptions, "delayMs">>;
  readonly #delayMs: number | undefined;
  readonly #stop = new AbortController();
  #tail: Promise<unknown> = Promise.resolve();
  #running: Promise<void> = Promise.resolve();
  #current: CycleReport | undefined;
  #last: EndedCycle | undefined;
  #cycles = 0;
  /** Whether a cycle that somebody asked for has yet to begin. */
  #requested = false;

  constructor(
    collector: Collector,
    { pauseMs, onCycle = ignore, now = () => new Date(), delayMs }: CollectorLoopOptions,
  ) {
    this.#collector = collector;
    this.#delayMs = delayMs;
    this.#options = { pauseMs, onCycle, now };
  }

  /** The first cycle begins at once: what is old counts from when it was first seen. */
  start(): void {
    this.#running = this.#runForEver();
  }

  /** Ends the cycle that runs before its next request. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#tail;
  }

  async status(): Promise<CollectorStatus> {
    return {
      state: this.#current ? "running" : "waiting",
      ...(this.#delayMs !== undefined && { delayMs: this.#delayMs }),
      cycles: this.#cycles,
      ...(this.#current && { current: { ...this.#current } }),
      ...(this.#last && { last: this.#last }),
    };
  }

  run({ dryRun = false }: { dryRun?: boolean } = {}): Promise<CycleReport> {
    const cycle = this.#tail.then(() => this.#cycle(dryRun));
    this.#tail = cycle.catch(ignore);
    return cycle;
  }

  /** However many ask while one is waiting, one is enough. */
  request(): void {
    if (this.#requested || this.#stop.signal.aborted) return;
    this.#requested = true;
    this.#tail = this.#tail.then(() => {
      this.#requested = false;
      return this.#cycle(false).catch(ignore); // it was told to onCycle
    });
  }

  async #runForEver(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.run().catch(ignore); // it was told to onCycle
      await sleep(this.#options.pauseMs, undefined, { signal }).catch(ignore);
    }
  }

  async #cycle(dryRun: boolean): Promise<CycleReport> {
    const { now, onCycle } = this.#options;
    const report = new CycleReport();
    const begunAt = now();
    const end = (error?: unknown): EndedCycle => ({
      begunAt: begunAt.toISOString(),
      endedAt: now().toISOString(),
      dryRun,
      report: { ...report },
      ...(error !== undefined && { error }),
    });
    this.#current = report;
    try {
      await this.#collector.cycle({ signal: this.#stop.signal, dryRun, report });
      this.#cycles += 1;
      this.#last = end();
      return report;
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#last = end(error);
      throw error;
    } finally {
      this.#current = undefined;
      if (this.#last && !this.#stop.signal.aborted) onCycle(this.#last);
    }
  }
}

/** For ends that were told elsewhere, or that nobody waits for. */
function ignore(): void {}
