/**
 * One run over the bytes of a request: small pieces, and an end when nobody takes them.
 *
 * Each piece comes after a turn of the event loop, in which an answer can be read: a registry that
 * refuses while we send answers and closes, and a write that meets the closed connection makes Node throw away
 * the answer that has come already.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { RegistryUnreachable } from "./network-error.ts";

const writeBytes = 64 * 1024;

export class Sending {
  readonly #stalled = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #whole = false;

  /** @param timeoutMs how long the registry may take no byte */
  constructor(timeoutMs: number) {
    const message = `the registry took no byte for ${Math.round(timeoutMs / 1000)} s`;
    const giveUp = () => this.#stalled.abort(new RegistryUnreachable(message));
    this.#timer = setTimeout(giveUp, timeoutMs);
  }

  /** Aborted when the registry takes nothing. */
  get stalled(): AbortSignal {
    return this.#stalled.signal;
  }

  /** Whether the last byte has left. */
  get whole(): boolean {
    return this.#whole;
  }

  /** @param taken told of each piece once it is on its way, in bytes */
  async *watch(
    chunks: AsyncIterable<Uint8Array>,
    taken: (bytes: number) => void = () => {},
  ): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of chunks) {
        for (let at = 0; at < chunk.byteLength; at += writeBytes) {
          await nextTurn();
          this.#timer.refresh();
          const piece = chunk.subarray(at, at + writeBytes);
          yield piece;
          taken(piece.byteLength);
        }
      }
      this.#whole = true;
    } finally {
      this.end();
    }
  }

  /** The wait for the answer, after the last byte, is not counted. */
  end(): void {
    clearTimeout(this.#timer);
  }
}
