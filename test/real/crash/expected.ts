/**
 * What a registry may answer about one thing after a crash.
 *
 * A request that was acknowledged leaves one answer, one that broke off leaves two, the state before
 * it and the one behind it. What is then found is the only answer from there on.
 */
import assert from "node:assert/strict";

export class Expected<T> {
  #possible: readonly T[];

  constructor(initial: T) {
    this.#possible = [initial];
  }

  /** The answer, undefined while there are two. */
  get certain(): T | undefined {
    return this.#possible.length === 1 ? this.#possible[0] : undefined;
  }

  /** A request that leads to `next` is on its way. */
  begin(next: T): void {
    this.#possible = [...new Set([...this.#possible, next])];
  }

  acknowledged(next: T): void {
    this.#possible = [next];
  }

  /** @throws when that cannot be */
  found(actual: T, what: string): void {
    assert.ok(
      this.#possible.includes(actual),
      `${what} is ${String(actual)}, which was acknowledged to be ${this.#possible.join(" or ")}`,
    );
    this.#possible = [actual];
  }
}
