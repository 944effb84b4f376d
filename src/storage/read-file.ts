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
    try {
      yield* readChunks(this.#handle, this.#key, this.#range, this.#signal);
    } finally {
      await this.#handle.close();
    }
  }
}

/**
 * The bytes of an open file, which stays open. A chunk is valid only until the next one is asked for.
 *
 * @param key names the object in errors
 * @throws {ObjectDamaged} where the file ends before the range does
 */
export async function* readChunks(
  handle: FileHandle,
  key: string,
  { start, end }: ByteRange,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  const source = { handle, key, end };
  let buffers = takeBuffers(end - start + 1);
  let ahead = readAhead(source, buffers.pair[0], start);
  try {
    let position = start;
    for (let turn = 1; ; turn = 1 - turn) {
      const chunk = await ahead;
      if (chunk === undefined) return;
      signal?.throwIfAborted();
      position += chunk.byteLength;
      ahead = readAhead(source, turn === 0 ? buffers.pair[0] : buffers.pair[1], position);
      const given = performance.now();
      yield chunk;
      const others = otherBuffers(buffers, performance.now() - given, end - position + 1);
      if (others === undefined) continue;
      await ahead.catch(() => undefined); // what it reads is read again
      buffers.release();
      buffers = others;
      ahead = readAhead(source, buffers.pair[0], position);
      turn = 0;
    }
  } finally {
    await ahead.catch(() => undefined); // a read in flight still writes into its buffer
    buffers.release();
  }
}

interface ReadSource {
  readonly handle: FileHandle;
  readonly key: string;
  /** The last byte that is wanted. */
  readonly end: number;
}

/** May fail while the consumer is busy; the failure waits until the next chunk is asked for. */
function readAhead(
  source: ReadSource,
  buffer: Buffer,
  position: number,
): Promise<Buffer | undefined> {
  const chunk = fill(source, buffer, position);
  chunk.catch(() => undefined);
  return chunk;
}

/** @returns undefined at the end of the range */
async function fill(
  { handle, key, end }: ReadSource,
  buffer: Buffer,
  position: number,
): Promise<Buffer | undefined> {
  if (position > end) return undefined;
  const wanted = Math.min(buffer.byteLength, end - position + 1);
  const { bytesRead } = await explained(`read ${key}`, () =>
    handle.read(buffer, 0, wanted, position),
  );
  if (bytesRead > 0) return buffer.subarray(0, bytesRead);
  throw new ObjectDamaged(key, `it ends at byte ${position} of ${end + 1}`);
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
