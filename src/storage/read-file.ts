/** Streams a file, or a part of it, through two buffers: one is read while the other is consumed. */
import { type FileHandle, open } from "node:fs/promises";
import type { ByteRange, ReadOptions } from "./object-store.ts";
import { takeBuffers } from "./read-buffers.ts";

/** Opens first, so that a missing file is known before anything is promised to a reader. */
export async function readFileStream(
  file: string,
  { range, signal }: ReadOptions,
): Promise<AsyncIterable<Buffer>> {
  const handle = await open(file, "r");
  try {
    const whole = range ?? { start: 0, end: (await handle.stat()).size - 1 };
    return new FileStream(handle, whole, signal);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Owns the handle until iterated to the end, ended early, or dropped by `destroy`. */
class FileStream implements AsyncIterable<Buffer> {
  readonly #handle: FileHandle;
  readonly #range: ByteRange;
  readonly #signal: AbortSignal | undefined;

  constructor(handle: FileHandle, range: ByteRange, signal: AbortSignal | undefined) {
    this.#handle = handle;
    this.#range = range;
    this.#signal = signal;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, undefined> {
    const { start, end } = this.#range;
    const { pair, release } = takeBuffers(end - start + 1);
    let ahead: Promise<Buffer | undefined> = this.#fill(pair[0], start);
    try {
      let position = start;
      for (let turn = 1; ; turn = 1 - turn) {
        const chunk = await ahead;
        if (chunk === undefined) return;
        this.#signal?.throwIfAborted();
        position += chunk.byteLength;
        ahead = this.#fill(turn === 0 ? pair[0] : pair[1], position);
        yield chunk;
      }
    } finally {
      await ahead.catch(() => undefined); // a read in flight still writes into its buffer
      release();
      await this.#handle.close();
    }
  }

  /** @returns undefined at the end of the range */
  async #fill(buffer: Buffer, position: number): Promise<Buffer | undefined> {
    const { end } = this.#range;
    if (position > end) return undefined;
    const wanted = Math.min(buffer.byteLength, end - position + 1);
    const { bytesRead } = await this.#handle.read(buffer, 0, wanted, position);
    if (bytesRead === 0) throw new Error(`file ends at ${position}, expected ${end + 1} bytes`);
    return buffer.subarray(0, bytesRead);
  }
}
