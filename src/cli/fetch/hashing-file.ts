/** A file that is written from its start on, and hashed on the way. */
import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { type Digest, digestSoFar } from "../../oci/digest.ts";

export interface WrittenContent {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export class HashingFile {
  readonly #file: FileHandle;
  #hash: Hash = createHash("sha256");
  #size = 0;

  constructor(file: FileHandle) {
    this.#file = file;
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
