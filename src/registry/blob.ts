/** One blob that is here: its size, and its bytes as often as they are wanted. */
import type { Digest } from "../oci/digest.ts";
import type { ByteRange, ObjectStore } from "../storage/object-store.ts";
import { ObjectDamaged } from "../storage/store-error.ts";
import type { RecordDocument, Segment } from "./blob-record.ts";
import { isPresent } from "./blob-record.ts";

export class Blob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly #store: ObjectStore;
  readonly #content: Buffer;
  readonly #segments: readonly Segment[] | undefined;

  private constructor(digest: Digest, record: RecordDocument, store: ObjectStore) {
    if (!isPresent(record)) throw new ObjectDamaged(record.key, "its state has no content");
    this.digest = digest;
    this.size = record.value.size;
    this.#store = store;
    this.#content = record.content;
    this.#segments = record.value.segments;
  }

  static of(digest: Digest, record: RecordDocument, store: ObjectStore): Blob {
    return new Blob(digest, record, store);
  }

  /** The whole content when it stands in the record. Not to be changed. */
  get inline(): Buffer | undefined {
    return this.#segments === undefined ? this.#content : undefined;
  }

  /**
   * Opens the bytes, so that what is missing is known before anything is promised to a client. A
   * chunk is valid only until the next one is asked for. The range lies inside the blob.
   *
   * @throws {ObjectNotFound} when the record that this was made of is outdated
   */
  async open(range: ByteRange = this.#all(), signal?: AbortSignal): Promise<AsyncIterable<Buffer>> {
    if (range.end < range.start) return none();
    if (this.#segments === undefined) {
      return once(this.#content.subarray(range.start, range.end + 1));
    }
    const [first, ...more] = partsOf(this.#segments, range);
    if (first === undefined) return none();
    const opened = await this.#part(first, signal);
    if (more.length === 0) return opened;
    return new ChunkChain(opened, more, (part) => this.#part(part, signal));
  }

  /** The same, opened when the first chunk is asked for. */
  async *read(range?: ByteRange, signal?: AbortSignal): AsyncGenerator<Buffer> {
    yield* await this.open(range, signal);
  }

  /** All bytes at once; the caller has looked at the size. */
  async whole(): Promise<Buffer> {
    return this.inline ?? collect(await this.open(), this.size);
  }

  #all(): ByteRange {
    return { start: 0, end: this.size - 1 };
  }

  #part({ key, range }: Part, signal: AbortSignal | undefined): Promise<AsyncIterable<Buffer>> {
    return this.#store.read(key, { range, ...(signal && { signal }) });
  }
}

interface Part {
  readonly key: string;
  readonly range: ByteRange;
}

/** One stream behind the other; ended before its first chunk, it lets go of the one that is open. */
class ChunkChain implements AsyncIterable<Buffer> {
  readonly #first: AsyncIterable<Buffer>;
  readonly #more: readonly Part[];
  readonly #open: (part: Part) => Promise<AsyncIterable<Buffer>>;

  constructor(
    first: AsyncIterable<Buffer>,
    more: readonly Part[],
    open: (part: Part) => Promise<AsyncIterable<Buffer>>,
  ) {
    this.#first = first;
    this.#more = more;
    this.#open = open;
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, void, undefined> {
    const chunks = this.#chunks();
    return {
      next: () => chunks.next(),
      return: async () => {
        const ended = await chunks.return();
        await this.#first[Symbol.asyncIterator]().return?.(); // a generator that never began has not
        return ended;
      },
    };
  }

  async *#chunks(): AsyncGenerator<Buffer, void, undefined> {
    yield* this.#first;
    for (const part of this.#more) yield* await this.#open(part);
  }
}

/** What of each segment belongs to a range of the whole. */
function partsOf(segments: readonly Segment[], range: ByteRange): Part[] {
  const parts: Part[] = [];
  let before = 0;
  for (const { key, size } of segments) {
    const start = Math.max(range.start - before, 0);
    const end = Math.min(range.end - before, size - 1);
    if (start <= end) parts.push({ key, range: { start, end } });
    before += size;
  }
  return parts;
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

async function* none(): AsyncGenerator<Buffer> {}

/** @param size of all chunks together */
export async function collect(chunks: AsyncIterable<Buffer>, size: number): Promise<Buffer> {
  const whole = Buffer.allocUnsafeSlow(size);
  let position = 0;
  for await (const chunk of chunks) position += chunk.copy(whole, position);
  return whole;
}

/** The same chunks; a failure among them is told. Ending early reaches the source. */
export function watched(
  chunks: AsyncIterable<Buffer>,
  onFailure: (error: unknown) => void,
): AsyncIterable<Buffer> {
  return {
    [Symbol.asyncIterator]: () => {
      const iterator = chunks[Symbol.asyncIterator]();
      return {
        next: () => {
          const next = iterator.next();
          next.catch(onFailure);
          return next;
        },
        return: async (value) => (await iterator.return?.(value)) ?? { done: true, value },
      };
    },
  };
}
