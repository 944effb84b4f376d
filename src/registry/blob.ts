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

  /** A chunk is valid only until the next one is asked for. The range lies inside the blob. */
  async *read(
    range: ByteRange = { start: 0, end: this.size - 1 },
    signal?: AbortSignal,
  ): AsyncGenerator<Buffer> {
    if (range.end < range.start) return;
    if (this.#segments === undefined) {
      yield this.#content.subarray(range.start, range.end + 1);
      return;
    }
    let before = 0;
    for (const { key, size } of this.#segments) {
      const start = Math.max(range.start - before, 0);
      const end = Math.min(range.end - before, size - 1);
      if (start <= end) {
        yield* await this.#store.read(key, { range: { start, end }, ...(signal && { signal }) });
      }
      before += size;
    }
  }

  /** All bytes at once; the caller has looked at the size. */
  async whole(): Promise<Buffer> {
    if (this.inline) return this.inline;
    const whole = Buffer.allocUnsafe(this.size);
    let position = 0;
    for await (const chunk of this.read()) position += chunk.copy(whole, position);
    return whole;
  }
}
