/**
 * Slows down guessing: after some wrong passwords a peer has to wait.
 *
 * Attempts count when they begin and are forgiven when they succeed, so that many at once do not
 * slip through. Memory is bounded; the peer seen longest ago is forgotten first.
 */
import { TooManyLogins } from "./identity-error.ts";

export interface LoginThrottleOptions {
  readonly attempts?: number;
  readonly windowMs?: number;
  readonly peers?: number;
  /** Monotonic milliseconds. */
  readonly clock?: () => number;
}

interface Window {
  readonly startedAt: number;
  count: number;
}

export class LoginThrottle {
  readonly #attempts: number;
  readonly #windowMs: number;
  readonly #peers: number;
  readonly #clock: () => number;
  readonly #windows = new Map<string, Window>();

  constructor({
    attempts = 10,
    windowMs = 60_000,
    peers = 10_000,
    clock,
  }: LoginThrottleOptions = {}) {
    this.#attempts = attempts;
    this.#windowMs = windowMs;
    this.#peers = peers;
    this.#clock = clock ?? (() => performance.now());
  }

  /**
   * Runs one attempt to log in.
   *
   * @param peer the other side's address
   * @param check resolves to undefined when the credentials are wrong
   * @throws {TooManyLogins} without calling `check`
   */
  async attempt<T>(peer: string, check: () => Promise<T | undefined>): Promise<T | undefined> {
    const window = this.#window(peer);
    if (window.count >= this.#attempts) {
      const leftMs = window.startedAt + this.#windowMs - this.#clock();
      throw new TooManyLogins(Math.max(1, Math.ceil(leftMs / 1000)));
    }
    window.count += 1;
    const accepted = await check();
    if (accepted !== undefined) window.count -= 1;
    return accepted;
  }

  #window(peer: string): Window {
    const found = this.#windows.get(peer);
    if (found && this.#clock() - found.startedAt < this.#windowMs) return found;
    const fresh = { startedAt: this.#clock(), count: 0 };
    this.#windows.delete(peer);
    this.#windows.set(peer, fresh);
    const [oldest] = this.#windows.keys();
    if (this.#windows.size > this.#peers && oldest !== undefined) this.#windows.delete(oldest);
    return fresh;
  }
}
