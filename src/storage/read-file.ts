/**
 * Streams a file, or a part of it, through two buffers: one is read while the other is consumed.
 *
 * Who consumes slowly gives large buffers back, and who is quick again gets them again.
 */
import { type FileHandle, open } from "node:fs/promises";
import type { ByteRange, ReadOptions } from "./object-store.ts";
import { explained } from "./platform-error.ts";
import { areLargeFree, type BufferPair, takeBuffers } from "./read-buffers.ts";
import { ObjectDamaged } from "./store-error.ts";

/** A chunk that takes longer shows a slow consumer, one that takes less a quick one. */
const slowMs = 1000;
const quickMs = 10;

/**
 * Opens first, so that a missing file is known before anything is promised to a reader.
 *
 * @param key names the object in errors
 */
export async function readFileStream(
  file: string,
  key: string,
  { range, signal }: ReadOptions,
): Promise<AsyncIterable<Buffer>> {
  const handle = await open(file, "r");
  try {
    const whole = range ?? { start: 0, end: (await handle.stat()).size - 1 };
    return new FileStream(handle, key, whole, signal);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Owns the handle until iterated to the end or ended early, be it before the first chunk. */
class FileStream implements AsyncIterable<Buffer> {
  readonly #handle: FileHandle;
  readonly #key: string;
  readonly #range: ByteRange;
  readonly #signal: AbortSignal | undefined;

  constructor(handle: FileHandle, key: string, range: ByteRange, signal: AbortSignal | undefined) {
    this.#handle = handle;
    this.#key = key;
    this.#range = range;
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, void, undefined> {
    const chunks = this.#chunks();
    return {
      next: () => chunks.next(),
      return: async () => {
        const ended = await chunks.return();
        await this.#handle.close(); // a generator that never began has not closed it
        return ended;
      },
    };
  }

  async *#chunks(): AsyncGenerator<Buffer, void, undefined> {
    const { start, end } = this.#range;
    let buffers = takeBuffers(end - start + 1);
    let ahead = this.#readAhead(buffers.pair[0], start);
    try {
      let position = start;
      for (let turn = 1; ; turn = 1 - turn) {
        const chunk = await ahead;
        if (chunk === undefined) return;
        this.#signal?.throwIfAborted();
        position += chunk.byteLength;
        ahead = this.#readAhead(turn === 0 ? buffers.pair[0] : buffers.pair[1], position);
        const given = performance.now();
        yield chunk;
        const others = otherBuffers(buffers, performance.now() - given, end - position + 1);
        if (others === undefined) continue;
        await ahead.catch(() => undefined); // what it reads is read again
        buffers.release();
        buffers = others;
        ahead = this.#readAhead(buffers.pair[0], position);
        turn = 0;
      }
    } finally {
      await ahead.catch(() => undefined); // a read in flight still writes into its buffer
      buffers.release();
      await this.#handle.close();
    }
  }

  /** May fail while the consumer is busy; the failure waits until the next chunk is asked for. */
  #readAhead(buffer: Buffer, position: number): Promise<Buffer | undefined> {
    const chunk = this.#fill(buffer, position);
    chunk.catch(() => undefined);
    return chunk;
  }

  /** @returns undefined at the end of the range */
  async #fill(buffer: Buffer, position: number): Promise<Buffer | undefined> {
    const { end } = this.#range;
    if (position > end) return undefined;
    const wanted = Math.min(buffer.byteLength, end - position + 1);
    const { bytesRead } = await explained(`read ${this.#key}`, () =>
      this.#handle.read(buffer, 0, wanted, position),
    );
    if (bytesRead > 0) return buffer.subarray(0, bytesRead);
    throw new ObjectDamaged(this.#key, `it ends at byte ${position} of ${end + 1}`);
  }
}

/** Those that the consumer's pace deserves, when he has others. */
function otherBuffers(
  { scarce, pair: [{ byteLength }] }: BufferPair,
  tookMs: number,
  left: number,
): BufferPair | undefined {
  if (scarce) return tookMs > slowMs ? takeBuffers(left, true) : undefined;
  return tookMs <= quickMs && left > byteLength && areLargeFree() ? takeBuffers(left) : undefined;
}
