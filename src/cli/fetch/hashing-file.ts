/** A file that is written from its start on, and hashed on the way. */
import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { type Digest, digestSoFar } from "../../oci/digest.ts";

export interface WrittenContent {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

const readBytes = 1024 * 1024;

export class HashingFile {
  readonly #file: FileHandle;
  #hash: Hash = createHash("sha256");
  #size = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Goes on behind what the file holds, unless that is too long to be its beginning. */
  static async continued(file: FileHandle, longest: number): Promise<HashingFile> {
    const begun = new HashingFile(file);
    const { size } = await file.stat();
    if (size > longest) await begun.restart();
    const buffer = Buffer.allocUnsafe(readBytes);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, readBytes, begun.#size);
      if (bytesRead === 0) return begun;
      begun.#hash.update(buffer.subarray(0, bytesRead));
      begun.#size += bytesRead;
    }
  }

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  async append(chunk: Buffer): Promise<void> {
    this.#hash.update(chunk);
    for (let done = 0; done < chunk.byteLength; ) {
      const rest = chunk.byteLength - done;
      const { bytesWritten } = await this.#file.write(chunk, done, rest, this.#size + done);
      done += bytesWritten;
    }
    this.#size += chunk.byteLength;
  }

  async restart(): Promise<void> {
    await this.#file.truncate(0);
    this.#hash = createHash("sha256");
    this.#size = 0;
  }

  content(): WrittenContent {
    return { digest: digestSoFar("sha256", this.#hash), size: this.#size };
  }
}
