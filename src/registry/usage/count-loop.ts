/** Counts what is stored again and again, where there is no collector to do it at the end of a cycle. */
import { setTimeout as sleep } from "node:timers/promises";
import { Pace } from "../collector/pace.ts";
import type { StoredCount } from "./count-stored.ts";

export interface CountLoopOptions {
  /** From the end of one count to the beginning of the next. */
  readonly pauseMs: number;
  /** Requests to the store; 0 for no limit. */
  readonly perSecond: number;
  readonly onFailure: (error: unknown) => void;
}

export class CountLoop {
  readonly #count: StoredCount;
  readonly #options: CountLoopOptions;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(count: StoredCount, options: CountLoopOptions) {
    this.#count = count;
    this.#options = options;
  }

  start(): void {
    this.#running = this.#runForEver();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #runForEver(): Promise<void> {
    const { pauseMs, perSecond, onFailure } = this.#options;
    const { signal } = this.#stop;
    const pace = new Pace({ perSecond });
    while (!signal.aborted) {
      await this.#count.take({ pace, signal, recorded: true }).catch((error: unknown) => {
        if (!signal.aborted) onFailure(error);
      });
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined); // cut short by the end
    }
  }
}
