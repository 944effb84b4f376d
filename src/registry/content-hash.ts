/**
 * Hash and length of bytes that flow by, for comparing with what they were announced as.
 *
 * Small content is hashed on the spot, large content in another thread, beside its own arrival.
 */
import { createHash, type Hash } from "node:crypto";
import {
  algorithmOf,
  type Digest,
  type DigestAlgorithm,
  digestSoFar,
  parseDigest,
} from "../oci/digest.ts";
import { DigestMismatch, SizeMismatch } from "../oci/registry-error.ts";
import { HashThread } from "./hash-thread.ts";

/** Takes chunks in turn, and tells the digest of all that it has taken so far. */
interface Hashing {
  /** The chunk may be used again when this has returned, or its promise has settled. */
  update(chunk: Uint8Array): Promise<void> | undefined;
  digest(): Digest | Promise<Digest>;
}

export class ContentHash {
  readonly #hashing: Hashing;
  #size = 0;

  /** @param isLarge whether it is worth another thread: megabytes, as far as is known */
  constructor(algorithm: DigestAlgorithm, isLarge = false) {
    this.#hashing = isLarge ? new HashingAside(algorithm) : new HashingHere(algorithm);
  }

  get size(): number {
    return this.#size;
  }

  /** In turn. @returns what has to be waited for before the chunk is used again, if anything */
  update(chunk: Uint8Array): Promise<void> | undefined {
    this.#size += chunk.byteLength;
    return this.#hashing.update(chunk);
  }

  async digest(): Promise<Digest> {
    return this.#hashing.digest();
  }

  /** @throws {DigestMismatch | SizeMismatch} */
  async verify(expected: Digest, expectedSize?: number): Promise<void> {
    if (expectedSize !== undefined && expectedSize !== this.#size) {
      throw new SizeMismatch(expectedSize, this.#size);
    }
    const actual = await this.digest();
    if (actual !== expected) throw new DigestMismatch(expected, actual);
  }
}

/** Reads everything and keeps nothing. @throws {DigestMismatch | SizeMismatch} */
export async function verifyAll(
  body: AsyncIterable<Uint8Array>,
  expected: Digest,
  expectedSize?: number,
): Promise<void> {
  const hash = new ContentHash(algorithmOf(expected));
  for await (const chunk of body) await hash.update(chunk);
  await hash.verify(expected, expectedSize);
}

class HashingHere implements Hashing {
  readonly #algorithm: DigestAlgorithm;
  readonly #hash: Hash;

  constructor(algorithm: DigestAlgorithm) {
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  update(chunk: Uint8Array): undefined {
    this.#hash.update(chunk);
  }

  digest(): Digest {
    return digestSoFar(this.#algorithm, this.#hash);
  }
}

/** One for the whole process, from the first large content on. */
let sharedThread: HashThread | undefined;

class HashingAside implements Hashing {
  readonly #algorithm: DigestAlgorithm;
  readonly #thread: HashThread;
  readonly #id: number;

  constructor(algorithm: DigestAlgorithm) {
    if (sharedThread === undefined || sharedThread.ended) sharedThread = new HashThread();
    this.#algorithm = algorithm;
    this.#thread = sharedThread;
    this.#id = this.#thread.begin(algorithm, this);
  }

  update(chunk: Uint8Array): Promise<void> {
    return this.#thread.update(this.#id, chunk);
  }

  async digest(): Promise<Digest> {
    return parseDigest(`${this.#algorithm}:${await this.#thread.digest(this.#id)}`);
  }
}
