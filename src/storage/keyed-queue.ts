/** Lets work on the same key follow each other within one process, first come, first served. */
export class KeyedQueue {
  readonly #last = new Map<string, Promise<void>>();

  /** Runs `work` when all earlier work on `key` is over, however that ended. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const result = before.then(work);
    const end = result.then(ignore, ignore).then(() => {
      if (this.#last.get(key) === end) this.#last.delete(key);
    });
    this.#last.set(key, end);
    return result;
  }
}

/** The outcome belongs to the caller of `run`; those behind it only wait for the end. */
function ignore(): void {}
