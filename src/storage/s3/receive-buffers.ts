/**
 * Buffers into which sockets read what comes from the store, used again.
 *
 * Node makes a buffer for each read of a socket otherwise: for a pull that is a gigabyte of memory to
 * be mapped and collected again for each gigabyte sent, and costs more than all the rest of it.
 */
import type { Socket } from "node:net";

/** One read; idle connections hold as much. */
const readBytes = 128 * 1024;
const mostFree = 64;

export class ReceiveBuffers {
  readonly #free: Buffer[] = [];
  /** Those that nobody has given back; whoever forgets to leaves them to the garbage collector. */
  readonly #out = new WeakMap<ArrayBufferLike, Buffer>();

  /** Option of `net.connect`. */
  readonly onread = {
    buffer: (): Buffer => this.#take(),
    callback(this: Socket, bytes: number, buffer: Uint8Array): boolean {
      return this.push(buffer.subarray(0, bytes));
    },
  };

  /**
   * Gives back what a chunk lies in.
   *
   * @param chunk of an answer whose length was announced, as all that was read at once; anything else is
   *   left alone only if it comes from other memory
   */
  giveBack(chunk: Uint8Array): void {
    const buffer = this.#out.get(chunk.buffer);
    if (buffer === undefined) return;
    this.#out.delete(chunk.buffer);
    if (this.#free.length < mostFree) this.#free.push(buffer);
  }

  #take(): Buffer {
    // Of its own, so that its memory tells which one it is.
    const buffer = this.#free.pop() ?? Buffer.allocUnsafeSlow(readBytes);
    this.#out.set(buffer.buffer, buffer);
    return buffer;
  }
}
