/**
 * A store whose data is fetched once for all who read it at the same time, and kept on disk up to a
 * number of bytes.
 *
 * Data never changes under its key, so what was fetched is right for as long as it is kept. Where this
 * cannot help, be it that the disk is full or a range lies far ahead, data is read as without it.
 */
import { ForwardingStore } from "./forwarding-store.ts";
import type { ByteRange, ObjectStore, ReadOptions } from "./object-store.ts";
import type { Room } from "./room.ts";
import { SharedRead } from "./shared-read.ts";

/** A reader further ahead than this does not wait for what is in between. */
const patienceBytes = 32 * 1024 * 1024;
/** Of an object, at least: one that all agents pull at once must not be fetched for each. */
const leastShared = 4 * 1024 * 1024 * 1024;
/** Open files of kept data. */
const mostKept = 1000;

export interface SharedReadsOptions {
  /** An existing directory. */
  readonly directory: string;
  /** Bytes that are kept; 0 keeps data only while somebody reads it. */
  readonly maxBytes: number;
  /** Of the directory's disk: where nothing fits any more nothing is kept. */
  readonly room?: Room;
}

export class SharedReads extends ForwardingStore {
  readonly #inner: ObjectStore;
  readonly #options: SharedReadsOptions;
  /** The least recently used first. */
  readonly #reads = new Map<string, SharedRead>();

  constructor(inner: ObjectStore, options: SharedReadsOptions) {
    super(inner);
    this.#inner = inner;
    this.#options = options;
  }

  override async read(key: string, options: ReadOptions = {}): Promise<AsyncIterable<Buffer>> {
    const { range, signal } = options;
    const reached = this.#reads.get(key)?.fetched ?? 0;
    if (!range || range.start > reached + patienceBytes) return this.#inner.read(key, options);
    const shared = this.#shared(key);
    // Counted as a reader from now on, so that nobody stops the fetch.
    const body = shared.read(range, signal);
    try {
      await shared.opened;
      return body;
    } catch (error) {
      await body[Symbol.asyncIterator]().return?.();
      throw error;
    }
  }

  override async delete(key: string): Promise<void> {
    const read = this.#reads.get(key);
    this.#reads.delete(key);
    if (read?.readers === 0) await read.discard();
    await this.#inner.delete(key);
  }

  /** Frees what is kept. Only without readers. */
  async close(): Promise<void> {
    const reads = [...this.#reads.values()];
    this.#reads.clear();
    await Promise.all(reads.map((read) => read.discard()));
  }

  #shared(key: string): SharedRead {
    const shared = this.#reads.get(key) ?? this.#start(key);
    this.#reads.delete(key);
    this.#reads.set(key, shared);
    return shared;
  }

  #start(key: string): SharedRead {
    const source = {
      key,
      fetch: (signal: AbortSignal) => this.#inner.read(key, { signal }),
      direct: (range: ByteRange, signal: AbortSignal | undefined) =>
        this.#inner.read(key, { range, ...(signal && { signal }) }),
    };
    const { directory, maxBytes } = this.#options;
    return new SharedRead(source, {
      directory,
      maxBytes: Math.max(maxBytes, leastShared),
      onChange: (read) => this.#settle(key, read),
    });
  }

  /** What has failed, or is read by nobody and not whole, helps nobody. */
  #settle(key: string, read: SharedRead): void {
    const current = this.#reads.get(key) === read;
    const useless = read.state === "failed" || (read.readers === 0 && read.state === "fetching");
    if (current && useless) this.#reads.delete(key);
    if ((useless || !current) && read.readers === 0) void read.discard();
    this.#shrink();
  }

  #shrink(): void {
    const mostBytes = this.#options.room?.refusal() ? 0 : this.#options.maxBytes;
    const whole = [...this.#reads].filter(([, { state }]) => state === "whole");
    let bytes = whole.reduce((sum, [, { fetched }]) => sum + fetched, 0);
    let count = whole.length;
    for (const [key, read] of whole) {
      if (bytes <= mostBytes && count <= mostKept) return;
      if (read.readers > 0) continue;
      bytes -= read.fetched;
      count -= 1;
      this.#reads.delete(key);
      void read.discard();
    }
  }
}
