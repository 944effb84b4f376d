/** How often, and how long apart, something is tried again that may succeed later. */
import { setTimeout as delay } from "node:timers/promises";
import { FetchFailed } from "./fetch-failed.ts";

export interface RetryPolicy {
  /** At most so many attempts without progress; default 3. */
  readonly attempts?: number;
  /** The wait before the second attempt, doubled each time; default one second. */
  readonly backOffMs?: number;
  /** What may succeed later; by default what `FetchFailed` says of itself. */
  readonly isRetryable?: (error: unknown) => boolean;
  readonly signal: AbortSignal;
}

const longestWaitMs = 60_000;

/** Counts failures of one operation. */
export class Retries {
  readonly #attempts: number;
  readonly #backOffMs: number;
  readonly #isRetryable: (error: unknown) => boolean;
  readonly #signal: AbortSignal;
  #failures = 0;

  constructor({ attempts = 3, backOffMs = 1000, isRetryable, signal }: RetryPolicy) {
    this.#isRetryable = isRetryable ?? saysSo;
    this.#attempts = attempts;
    this.#backOffMs = backOffMs;
    this.#signal = signal;
  }

  /** What came through since the last failure was worth it. */
  reset(): void {
    this.#failures = 0;
  }

  /** Waits until the next attempt may start. @throws `error` when there is none */
  async next(error: unknown): Promise<void> {
    this.#signal.throwIfAborted();
    if (!this.#isRetryable(error)) throw error;
    this.#failures += 1;
    if (this.#failures >= this.#attempts) throw this.#exhausted(error);
    // Half of it random, so that several downloads from one host do not come back together.
    const wait = this.#backOffMs * 2 ** (this.#failures - 1) * (0.5 + Math.random() / 2);
    const ms = Math.min(longestWaitMs, Math.max(wait, demanded(error)));
    await delay(ms, undefined, { signal: this.#signal });
  }

  #exhausted(error: unknown): unknown {
    if (!(error instanceof FetchFailed)) return error;
    if (!error.message.startsWith("timed out") || this.#attempts === 1) return error;
    return new FetchFailed(`${error.message} (${this.#attempts} attempts)`, { cause: error });
  }
}

function saysSo(error: unknown): boolean {
  return error instanceof FetchFailed && error.retryable;
}

/** The wait that the other side asks for. */
function demanded(error: unknown): number {
  return error instanceof FetchFailed ? (error.retryAfterMs ?? 0) : 0;
}

export async function withRetries<T>(policy: RetryPolicy, operation: () => Promise<T>): Promise<T> {
  const retries = new Retries(policy);
  for (;;) {
    try {
      return await operation();
    } catch (error) {
      await retries.next(error);
    }
  }
}
