/** Hash and length of bytes that flow by, for comparing with what they were announced as. */
import { createHash, type Hash } from "node:crypto";
import { algorithmOf, type Digest, type DigestAlgorithm, digestSoFar } from "../oci/digest.ts";
import { DigestMismatch, SizeMismatch } from "../oci/registry-error.ts";

export class ContentHash {
  readonly #algorithm: DigestAlgorithm;
  readonly #hash: Hash;
  #size = 0;

  constructor(algorithm: DigestAlgorithm) {
    this.#algorithm = algorithm;
    this.#hash = createHash(algorithm);
  }

  get size(): number {
    return this.#size;
  }

  update(chunk: Uint8Array): void {
    this.#hash.update(chunk);
    this.#size += chunk.byteLength;
  }

  digest(): Digest {
    return digestSoFar(this.#algorithm, this.#hash);
  }

  /** @throws {DigestMismatch | SizeMismatch} */
  verify(expected: Digest, expectedSize?: number): void {
    if (expectedSize !== undefined && expectedSize !== this.#size) {
      throw new SizeMismatch(expectedSize, this.#size);
    }
    const actual = this.digest();
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
  for await (const chunk of body) hash.update(chunk);
  hash.verify(expected, expectedSize);
}
