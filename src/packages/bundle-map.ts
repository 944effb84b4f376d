/**
 * Where everything is in a bundle that lies on a disk, without reading what is large.
 *
 * Only headers and the three small documents are read, so a map of many gigabytes takes milliseconds.
 * The bundle is checked as strictly as when it is read whole, except that contents are not hashed.
 */
import type { FileHandle } from "node:fs/promises";
import type { Digest } from "../oci/digest.ts";
import { type BundleIndex, readBundle } from "./bundle-reader.ts";
import type { SeekableChunks } from "./byte-source.ts";

/** A blob's content inside the file. */
export interface BlobPlace {
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

export interface BundleMap extends BundleIndex {
  /** In the order of the file. */
  readonly blobs: ReadonlyMap<Digest, BlobPlace>;
}

/** @throws {BundleInvalid} */
export async function mapBundle(file: FileHandle): Promise<BundleMap> {
  const blobs = new Map<Digest, BlobPlace>();
  const sink = {
    async blob(digest: Digest, size: number, _body: unknown, offset: number) {
      blobs.set(digest, { offset, size });
    },
  };
  const { size } = await file.stat();
  return { ...(await readBundle(new FileChunks(file, size), sink)), blobs };
}

/** Much less than most blobs, so that little is read beside the headers. */
const chunkBytes = 16 * 1024;

class FileChunks implements SeekableChunks {
  readonly #file: FileHandle;
  readonly #size: number;
  #position = 0;

  constructor(file: FileHandle, size: number) {
    this.#file = file;
    this.#size = size;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    while (this.#position < this.#size) {
      const length = Math.min(chunkBytes, this.#size - this.#position);
      const { buffer, bytesRead } = await this.#file.read(
        Buffer.alloc(length),
        0,
        length,
        this.#position,
      );
      if (bytesRead === 0) return;
      this.#position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  seek(count: number): number {
    const left = Math.min(count, this.#size - this.#position);
    this.#position += left;
    return left;
  }
}
