/**
 * One object on its way from a distant store into a file, and its readers, who follow behind.
 *
 * The file has no name. A reader whose fetch fails goes on from the store itself, at the byte he has
 * reached.
 */
import { randomBytes } from "node:crypto";
import { type FileHandle, open, unlink } from "node:fs/promises";
import path from "node:path";
import { GatheringWriter } from "./gathering-writer.ts";
import type { ByteRange } from "./object-store.ts";
import { readChunks } from "./read-file.ts";
import { ObjectDamaged } from "./store-error.ts";

const bufferBytes = 256 * 1024;

type Body = AsyncIterable<Buffer>;

export interface SharedSource {
  readonly key: string;
  /** Opens the whole object. */
  fetch(signal: AbortSignal): Promise<Body>;
  /** Opens a part of it, for who cannot be served from the file. */
  direct(range: ByteRange, signal: AbortSignal | undefined): Promise<Body>;
}

export interface SharedReadOptions {
  readonly directory: string;
  /** Bytes; larger objects are not shared to their end. */
  readonly maxBytes: number;
  /** Called when the last reader has left, and when the fetch has ended. */
  readonly onChange: (read: SharedRead) => void;
}

export class SharedRead {
  /** Settles when the object is open; rejects when it cannot be read, for example `ObjectNotFound`. */
  readonly opened: Promise<void>;
  readonly #source: SharedSource;
  readonly #options: SharedReadOptions;
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #file: FileHandle | undefined;
  #fetched = 0;
  #state: "fetching" | "whole" | "failed" = "fetching";
  #readers = 0;
  #waiting = new Set<() => void>();

  constructor(source: SharedSource, options: SharedReadOptions) {
    this.#source = source;
    this.#options = options;
    const body = source.fetch(this.#stop.signal);
    this.opened = body.then(() => undefined);
    this.#ended = this.#fetch(body);
  }

  /** Bytes from the start that are here. */
  get fetched(): number {
    return this.#fetched;
  }

  get state(): "fetching" | "whole" | "failed" {
    return this.#state;
  }

  get readers(): number {
    return this.#readers;
  }

  /** A chunk is valid only until the next one is asked for. Has to be iterated, or ended. */
  read(range: ByteRange, signal?: AbortSignal): Body {
    this.#readers += 1;
    let reading = true;
    const leave = (): void => {
      if (!reading) return;
      reading = false;
      this.#readers -= 1;
      if (this.#readers === 0) this.#options.onChange(this);
    };
    return {
      [Symbol.asyncIterator]: () => {
        const chunks = this.#chunks(range, signal, leave);
        return {
          next: () => chunks.next(),
          return: async () => {
            const ended = await chunks.return();
            leave(); // a generator that never began has not
            return ended;
          },
        };
      },
    };
  }

  /** Stops the fetch and frees the file. Only without readers. */
  async discard(): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    await this.#file?.close().catch(() => undefined); // nobody can lose by it
    this.#file = undefined;
  }

  async *#chunks(
    { start, end }: ByteRange,
    signal: AbortSignal | undefined,
    leave: () => void,
  ): AsyncGenerator<Buffer, void, undefined> {
    let buffer: Buffer | undefined;
    try {
      for (let position = start; position <= end; ) {
        const isBehind = await this.#isBehind(position, signal);
        if (this.#state === "whole" && this.#file) {
          return yield* readChunks(this.#file, this.#source.key, { start: position, end }, signal);
        }
        if (!isBehind) return yield* await this.#source.direct({ start: position, end }, signal);
        buffer ??= Buffer.allocUnsafeSlow(Math.min(bufferBytes, end - start + 1));
        const chunk = await this.#stored(buffer, position, end);
        position += chunk.byteLength;
        yield chunk;
      }
    } finally {
      leave();
    }
  }

  /** Waits until the byte is here, or is known not to come. */
  async #isBehind(position: number, signal: AbortSignal | undefined): Promise<boolean> {
    for (;;) {
      signal?.throwIfAborted();
      if (position < this.#fetched) return true;
      if (this.#state !== "fetching") return false;
      await this.#change(signal);
    }
  }

  async #stored(buffer: Buffer, position: number, end: number): Promise<Buffer> {
    const wanted = Math.min(buffer.byteLength, end + 1 - position, this.#fetched - position);
    const read = await this.#file?.read(buffer, 0, wanted, position);
    if (!read?.bytesRead) throw new ObjectDamaged(this.#source.key, "its copy on disk is short");
    return buffer.subarray(0, read.bytesRead);
  }

  async #fetch(opening: Promise<Body>): Promise<void> {
    try {
      const body = await opening;
      this.#file = await openNameless(this.#options.directory);
      const writer = new GatheringWriter(this.#file.fd, (bytes) => {
        this.#fetched += bytes;
        this.#wake();
      });
      await this.#store(body, writer);
      this.#state = "whole";
    } catch {
      this.#state = "failed"; // readers go on by themselves, and meet what is wrong if it still is
    }
    this.#wake();
    this.#options.onChange(this);
  }

  /** Nothing is being written when this settles, whatever comes of it. */
  async #store(body: Body, writer: GatheringWriter): Promise<void> {
    let taken = 0;
    try {
      for await (const chunk of body) {
        taken += chunk.byteLength;
        if (taken > this.#options.maxBytes) throw new Error("too large");
        await writer.write(chunk);
      }
      await writer.end();
    } finally {
      await writer.close();
    }
  }

  #change(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal?.addEventListener("abort", wake);
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}

async function openNameless(directory: string): Promise<FileHandle> {
  const file = path.join(directory, `.shared-${randomBytes(12).toString("hex")}`);
  const handle = await open(file, "wx+", 0o600);
  await unlink(file);
  return handle;
}
