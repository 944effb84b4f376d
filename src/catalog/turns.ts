/** Splits long computations, so that other requests of the process are answered in between. */
import { setImmediate } from "node:timers/promises";

const longestTurnMs = 10;

export class Turns {
  #since = performance.now();

  /** To be awaited before each piece of work: lets others in when this turn was long enough. */
  async next(): Promise<void> {
    if (performance.now() - this.#since < longestTurnMs) return;
    await setImmediate();
    this.#since = performance.now();
  }
}
