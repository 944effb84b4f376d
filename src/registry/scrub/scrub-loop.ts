/**
 * Scrubs again and again, and when somebody asks: one process at a time.
 *
 * Instances meet in the journal. Who scrubs lets a number there grow; another one begins only when it
 * has not seen that number grow for a while, on its own clock. Two at a time would do no harm but
 * read everything twice, so that is all the care it needs.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ScrubPosition, ScrubState } from "./scrub-journal.ts";
import type { Scrubber } from "./scrubber.ts";

const secondMs = 1000;
/** After a failure, so that a store that is away is not asked all the time. */
const respiteMs = 600 * secondMs;

export interface ScrubLoopOptions {
  /** From the end of one pass to the beginning of the next; 0 for passes on request only. */
  readonly intervalMs: number;
  readonly onEnd?: (outcome: { error?: unknown; counts?: object }) => void;
  /** How often the journal is looked at. */
  readonly pollMs?: number;
  /** How often the position is saved; somebody else takes over after four times that. */
  readonly saveMs?: number;
  /** Monotonic milliseconds. */
  readonly clock?: () => number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** Another process has taken over. */
class TakenOver extends Error {}

export class ScrubLoop {
  readonly #scrubber: Scrubber;
  readonly #options: Required<ScrubLoopOptions>;
  readonly #id = randomBytes(9).toString("base64url");
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** What was seen of another runner, and when that was new. */
  #seen = { runner: "", since: 0 };
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(scrubber: Scrubber, options: ScrubLoopOptions) {
    this.#scrubber = scrubber;
    this.#options = {
      onEnd: () => undefined,
      pollMs: 3 * secondMs,
      saveMs: 30 * secondMs,
      clock: () => performance.now(),
      now: Date.now,
      ...options,
    };
    this.#seen.since = this.#options.clock();
  }

  start(): void {
    this.#running = this.#runForEver();
  }

  /** Saves where it is, for the next start. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #runForEver(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await sleep(this.#options.pollMs, undefined, { signal, ref: false }).catch(ignore);
      if (!signal.aborted) await this.poll().catch((error) => this.#options.onEnd({ error }));
    }
  }

  /** Looks once whether there is something to do, and does it. */
  async poll(): Promise<void> {
    const { journal } = this.#scrubber;
    const state = await journal.read();
    if (!this.#isDue(state) || this.#isOthers(state)) return;
    await this.#beat((current) => {
      const { requested: _, ...rest } = current;
      return rest;
    });
    try {
      await this.#pass(state.position);
    } catch (error) {
      if (this.#stop.signal.aborted || error instanceof TakenOver) return;
      this.#notBefore = this.#options.clock() + respiteMs;
      throw error;
    }
  }

  /** A pass that was broken off is gone on with at once. */
  #isDue({ requested, position, last }: ScrubState): boolean {
    const { intervalMs, now, clock } = this.#options;
    if (requested) return true;
    if (clock() < this.#notBefore) return false;
    if (position) return true;
    if (intervalMs === 0) return false;
    const finished = Date.parse(last?.finishedAt ?? "");
    // Also for a time that is no time, or lies ahead.
    return !(now() - finished < intervalMs && finished <= now());
  }

  #isOthers({ runner }: ScrubState): boolean {
    if (runner === undefined || runner.id === this.#id) return false;
    const name = `${runner.id} ${runner.beat}`;
    const now = this.#options.clock();
    if (name !== this.#seen.runner) this.#seen = { runner: name, since: now };
    return now - this.#seen.since < 4 * this.#options.saveMs;
  }

  async #pass(from: ScrubPosition | undefined): Promise<void> {
    const { clock, saveMs, onEnd } = this.#options;
    let saved = clock();
    let reached = from;
    const save = (): Promise<void> =>
      this.#beat((state) => ({ ...state, ...(reached && { position: reached }) }), true);
    const onProgress = async (position: ScrubPosition): Promise<void> => {
      reached = position;
      if (clock() - saved < saveMs) return;
      saved = clock();
      await save();
    };
    try {
      const last = await this.#scrubber.pass({ signal: this.#stop.signal, from, onProgress });
      await this.#end((state) => ({ ...state, last }));
      onEnd({ counts: last.counts });
    } catch (error) {
      if (this.#stop.signal.aborted) await this.#end((state) => state, reached);
      throw error;
    }
  }

  /** @param mine fails when another process has begun to scrub */
  async #beat(change: (state: ScrubState) => ScrubState, mine = false): Promise<void> {
    await this.#scrubber.journal.change((state) => {
      if (mine && state.runner?.id !== this.#id) throw new TakenOver();
      const beat = (state.runner?.beat ?? 0) + 1;
      return { ...change(state), runner: { id: this.#id, beat } };
    });
  }

  /** Lets go, so that whoever is next need not wait. */
  async #end(change: (state: ScrubState) => ScrubState, reached?: ScrubPosition): Promise<void> {
    await this.#scrubber.journal.change((state) => {
      const { runner: _, position: __, ...rest } = change(state);
      return { ...rest, ...(reached && { position: reached }) };
    });
  }
}

/** Of a sleep that was cut short. */
function ignore(): void {}
