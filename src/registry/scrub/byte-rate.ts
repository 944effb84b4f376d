/**
 * How fast a scrub reads: bytes a second, on average, in small steps.
 *
 * Reading everything once a week must not be noticed by those who pull.
 */
import { setTimeout as sleep } from "node:timers/promises";

/** Pauses shorter than this are saved up: timers are no better than a millisecond or two. */
const shortestPauseMs = 20;
/** What was not read in time is not made up for. */
const longestCreditMs = 100;

export class ByteRate {
  readonly #perSecond: number;
  readonly #clock: () => number;
  #due = 0;

  /** @param perSecond 0 for as fast as it goes */
  constructor(perSecond: number, clock: () => number = () => performance.now()) {
    this.#perSecond = perSecond;
    this.#clock = clock;
  }

  /** To be awaited behind each read. Aborted, it throws the reason. */
  async spend(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#perSecond === 0) return;
    const now = this.#clock();
    this.#due = Math.max(this.#due, now - longestCreditMs) + (bytes * 1000) / this.#perSecond;
    if (this.#due - now >= shortestPauseMs) await sleep(this.#due - now, undefined, { signal });
  }
}
