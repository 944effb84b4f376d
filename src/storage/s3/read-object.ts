/**
 * Streams an object, or a part of it, and goes on where a connection broke.
 *
 * Data never changes under its key, so a second request for the rest gives the same bytes. Either all
 * bytes come that were asked for or the iteration fails.
 */
import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import type { ByteRange, LoadedObject, ReadOptions, Revision } from "../object-store.ts";
import { ObjectDamaged, ObjectNotFound } from "../store-error.ts";
import { asFailure } from "./http-handler.ts";
import type { S3Connection } from "./s3-client.ts";
import { S3RequestFailed, storeError } from "./s3-error.ts";

/** How often in a row a stream may break without a byte. */
const breaks = 3;

/** @throws {ObjectNotFound | ObjectDamaged} the latter when the range begins behind the end */
export async function readObject(
  connection: S3Connection,
  key: string,
  { range, signal }: ReadOptions,
): Promise<AsyncIterable<Buffer>> {
  if (signal?.aborted) return aborted(signal);
  const source = new Source(connection, key, signal);
  const { body, size } = await source.open(range);
  const whole = range ?? { start: 0, end: size - 1 };
  return new ObjectStream(source, body, whole);
}

/** An abort is the iteration's to report. */
function aborted(signal: AbortSignal): AsyncIterable<Buffer> {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(signal.reason) }) };
}

export interface WholeAnswer {
  readonly body: unknown;
  readonly size: number | undefined;
  readonly revision: Revision | undefined;
}

/**
 * Reads a small object whole; one that breaks off is asked for again.
 *
 * @param ask sends the request
 * @throws {S3RequestFailed}
 */
export async function readWhole(ask: () => Promise<WholeAnswer>): Promise<LoadedObject> {
  for (let broken = 1; ; broken += 1) {
    const { body, size, revision } = await ask();
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      if (size === undefined || size === bytes.byteLength) {
        return { bytes, revision: revision ?? ("" as Revision) };
      }
      throw new Error(`${bytes.byteLength} of ${size} bytes`);
    } catch (error) {
      if (broken === breaks) throw new S3RequestFailed("GetObject", asFailure(error));
    }
  }
}

interface Opened {
  /** A chunk is valid only until the next one is asked for. */
  readonly body: Readable;
  /** Bytes in the answer, as it announces them. */
  readonly size: number;
}

class Source {
  readonly key: string;
  readonly signal: AbortSignal | undefined;
  readonly #connection: S3Connection;
  #isAnnounced = false;

  constructor(connection: S3Connection, key: string, signal: AbortSignal | undefined) {
    this.#connection = connection;
    this.key = key;
    this.signal = signal;
  }

  async open(range: ByteRange | undefined): Promise<Opened> {
    const { bucket, prefix } = this.#connection;
    const command = new GetObjectCommand({
      Bucket: bucket,
      Key: prefix + this.key,
      ...(range && { Range: `bytes=${range.start}-${range.end}` }),
    });
    try {
      const { Body, ContentLength } = await this.#connection.send(command, {
        signal: this.signal,
        way: "streaming",
      });
      this.#isAnnounced = ContentLength !== undefined;
      return { body: Body as Readable, size: ContentLength ?? 0 };
    } catch (error) {
      throw error instanceof S3RequestFailed ? this.#explained(error) : error;
    }
  }

  /** Of a chunk that is used up. Without a length, parts of one read can come as several chunks. */
  giveBack(chunk: Buffer): void {
    if (this.#isAnnounced) this.#connection.received.giveBack(chunk);
  }

  #explained(failure: S3RequestFailed): Error {
    if (failure.isAbsent) return new ObjectNotFound(this.key, { cause: failure });
    if (failure.status === 416) {
      return new ObjectDamaged(this.key, "it ends before the part", { cause: failure });
    }
    return storeError(`read ${this.key}`, failure);
  }
}

/** Owns the open body until iterated to the end or ended early, be it before the first chunk. */
class ObjectStream implements AsyncIterable<Buffer> {
  readonly #source: Source;
  readonly #range: ByteRange;
  #body: Readable;

  constructor(source: Source, body: Readable, range: ByteRange) {
    this.#source = source;
    this.#body = body;
    this.#range = range;
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, void, undefined> {
    const chunks = this.#chunks();
    return {
      next: () => chunks.next(),
      return: async () => {
        const ended = await chunks.return();
        await closed(this.#body); // a generator that never began has not closed it
        return ended;
      },
    };
  }

  async *#chunks(): AsyncGenerator<Buffer, void, undefined> {
    const { start, end } = this.#range;
    let position = start;
    try {
      for (let broken = 0; ; ) {
        const before = position;
        const failure = yield* this.#untilBroken((bytes) => {
          position += bytes;
        });
        if (position > end) return;
        if (failure === undefined) {
          throw new ObjectDamaged(this.#source.key, `it ends at byte ${position} of ${end + 1}`);
        }
        broken = position > before ? 1 : broken + 1;
        if (broken > breaks) throw storeError(`read ${this.#source.key}`, failure);
        this.#body = (await this.#source.open({ start: position, end })).body;
      }
    } finally {
      await closed(this.#body);
    }
  }

  /** @returns why the stream broke, undefined when it came to its end */
  async *#untilBroken(
    count: (bytes: number) => void,
  ): AsyncGenerator<Buffer, S3RequestFailed | undefined, undefined> {
    const { signal } = this.#source;
    signal?.throwIfAborted();
    try {
      for await (const chunk of this.#body as AsyncIterable<Buffer>) {
        count(chunk.byteLength);
        yield chunk;
        this.#source.giveBack(chunk);
        signal?.throwIfAborted();
      }
      return undefined;
    } catch (error) {
      signal?.throwIfAborted();
      return new S3RequestFailed("GetObject", asFailure(error));
    }
  }
}

/** Gives the connection back. */
async function closed(body: Readable): Promise<void> {
  body.destroy();
  await finished(body).catch(() => undefined); // that it was broken off is no news
}
