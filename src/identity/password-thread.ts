/**
 * Compares passwords with bcrypt hashes in a thread of its own.
 *
 * A comparison keeps a core busy for a tenth of a second and more; on the event loop every request
 * would wait for every guess. The thread starts with the first log-in and works one at a time.
 */
import { Worker } from "node:worker_threads";
import { TooManyLogins } from "./identity-error.ts";

/** What the thread is sent and what it answers. */
export interface Comparison {
  readonly id: number;
  readonly password: string;
  readonly hash: string;
}
export interface ComparisonResult {
  readonly id: number;
  readonly equal: boolean;
}

interface Waiting {
  readonly resolve: (equal: boolean) => void;
  readonly reject: (cause: unknown) => void;
}

/** More would only wait, and give guessers a way to make others wait. */
const longestQueue = 64;

export class PasswordThread {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #last = 0;

  /** @throws {TooManyLogins} when too many comparisons are waiting */
  async compare(password: string, hash: string): Promise<boolean> {
    if (this.#waiting.size >= longestQueue) throw new TooManyLogins(1);
    this.#worker ??= this.#start();
    const worker = this.#worker;
    this.#last += 1;
    const comparison: Comparison = { id: this.#last, password, hash };
    return new Promise((resolve, reject) => {
      this.#waiting.set(comparison.id, { resolve, reject });
      worker.ref();
      worker.postMessage(comparison);
    });
  }

  #start(): Worker {
    const worker = new Worker(new URL("./password-worker.js", import.meta.url));
    worker.on("message", ({ id, equal }: ComparisonResult) => {
      this.#waiting.get(id)?.resolve(equal);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) worker.unref();
    });
    worker.on("error", (cause) => this.#fail(cause));
    worker.on("exit", () => this.#fail(new Error("the thread that compares passwords ended")));
    return worker;
  }

  /** The next comparison starts another thread. */
  #fail(cause: unknown): void {
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(cause);
    this.#waiting.clear();
  }
}
