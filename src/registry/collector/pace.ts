/**
 * How fast a collector goes: requests a second, some of them at the same time.
 *
 * Clients come first: a cycle may take hours, and has no deadline. Aborted, it stops before the next
 * request.
 */
import { setTimeout as sleep } from "node:timers/promises";

/** Requests that are sent in a row before the pace is looked at; a timer ticks once a millisecond. */
const burst = 10;

export interface PaceOptions {
  /** 0 for as fast as the store answers. */
  readonly perSecond?: number;
  /** Things worked on at the same time. */
  readonly atOnce?: number;
  /** Monotonic milliseconds. */
  readonly clock?: () => number;
}

export class Pace {
  readonly #msEach: number;
  readonly #atOnce: number;
  readonly #clock: () => number;
  /** When the next request is due. */
  #due = 0;

  constructor({ perSecond = 0, atOnce = 8, clock = () => performance.now() }: PaceOptions = {}) {
    this.#msEach = perSecond > 0 ? 1000 / perSecond : 0;
    this.#atOnce = atOnce;
    this.#clock = clock;
  }

  /** To be awaited before each request. */
  async next(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#msEach === 0) return;
    const now = this.#clock();
    this.#due = Math.max(this.#due, now) + this.#msEach;
    const early = this.#due - now;
    if (early > this.#msEach * burst) await sleep(early, undefined, { signal });
  }

  /** For what a request has cost beyond others: what follows waits longer. */
  charge(requests: number): void {
    this.#due += requests * this.#msEach;
  }

  /** Does `work` for each item, a few at a time. The first failure ends it, after what has begun. */
  async each<T>(items: Iterable<T>, work: (item: T) => Promise<void>): Promise<void> {
    const left = items[Symbol.iterator]();
    let failed = false;
    const walk = async (): Promise<void> => {
      for (let next = left.next(); !next.done && !failed; next = left.next()) {
        await work(next.value).catch((error: unknown) => {
          failed = true;
          throw error;
        });
      }
    };
    const ends = await Promise.allSettled(Array.from({ length: this.#atOnce }, walk));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }
}
