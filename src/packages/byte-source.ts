/**
 * A source of chunks, cut where its reader wants it.
 *
 * Never copies what it can hand on as a view, and asks for a chunk only when one is needed.
 */
import { BundleInvalid } from "./bundle-error.ts";

/** Chunks of something that can be entered anywhere, such as a file. */
export interface SeekableChunks extends AsyncIterable<Uint8Array> {
  /** Leaves out the next bytes. @returns how many there were to leave out */
  seek(count: number): number;
}

export class ByteSource {
  readonly #source: AsyncIterable<Uint8Array> | SeekableChunks;
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);
  #position = 0;

  constructor(source: AsyncIterable<Uint8Array> | SeekableChunks) {
    this.#source = source;
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** Bytes taken so far. */
  get position(): number {
    return this.#position;
  }

  /** Exactly `count` bytes, fewer only at the end of the source. For small counts. */
  async take(count: number): Promise<Buffer> {
    const first = await this.next(count);
    if (first === undefined) return Buffer.alloc(0);
    if (first.byteLength === count) return first;
    const parts = [Buffer.from(first)];
    for (let missing = count - first.byteLength; missing > 0; ) {
      const part = await this.next(missing);
      if (part === undefined) break;
      parts.push(Buffer.from(part));
      missing -= part.byteLength;
    }
    return Buffer.concat(parts);
  }

  /** Between 1 and `limit` bytes, whatever is at hand; undefined at the end of the source. */
  async next(limit: number): Promise<Buffer | undefined> {
    if (limit === 0) return Buffer.alloc(0);
    while (this.#rest.byteLength === 0) {
      const { done, value } = await this.#chunks.next();
      if (done) return undefined;
      this.#rest = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    }
    const piece = this.#rest.subarray(0, limit);
    this.#rest = this.#rest.subarray(piece.byteLength);
    this.#position += piece.byteLength;
    return piece;
  }

  async skip(count: number): Promise<void> {
    await this.section(count).skip();
  }

  /** Goes on behind the next `count` bytes without reading them, as far as the source can do that. */
  leap(count: number): number {
    if (!("seek" in this.#source)) return 0;
    const held = Math.min(count, this.#rest.byteLength);
    this.#rest = this.#rest.subarray(held);
    const leapt = held + (held < count ? this.#source.seek(count - held) : 0);
    this.#position += leapt;
    return leapt;
  }

  section(size: number): Section {
    return new Section(this, size);
  }

  /** The error for a source that ends here although it should not. */
  truncated(): BundleInvalid {
    return new BundleInvalid(`bundle is truncated: it ends after ${this.#position} bytes`, {
      hint: "copy the file again; if it came in parts (.001, .002 …), join all of them in order first",
    });
  }

  /** Lets the source go, wherever it stands. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

/** The next `size` bytes of a source; what its reader leaves can be skipped. */
class Section implements AsyncIterable<Buffer> {
  readonly #bytes: ByteSource;
  #missing: number;

  constructor(bytes: ByteSource, size: number) {
    this.#bytes = bytes;
    this.#missing = size;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    while (this.#missing > 0) {
      const chunk = await this.#bytes.next(this.#missing);
      if (chunk === undefined) throw this.#bytes.truncated();
      this.#missing -= chunk.byteLength;
      yield chunk;
    }
  }

  async skip(): Promise<void> {
    this.#missing -= this.#bytes.leap(this.#missing);
    for await (const _ of this);
  }
}
