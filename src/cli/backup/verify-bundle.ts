/** Reads a bundle whole and compares every byte with what its package root says. */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type Digest, digestSoFar } from "../../oci/digest.ts";
import { DigestMismatch } from "../../oci/registry-error.ts";
import { BundleInvalid } from "../../packages/bundle-error.ts";
import { readBundle } from "../../packages/bundle-reader.ts";

const chunkBytes = 1024 * 1024;

/** @throws {BundleInvalid} when the file is no bundle of this package, or not as it was made */
export async function verifyBundle(file: string, root: Digest, signal: AbortSignal): Promise<void> {
  const source = createReadStream(file, { highWaterMark: chunkBytes, signal });
  const blob = async (digest: Digest, _size: number, body: AsyncIterable<Buffer>) => {
    const hash = createHash("sha256");
    for await (const chunk of body) hash.update(chunk);
    const actual = digestSoFar("sha256", hash);
    if (actual !== digest) throw new DigestMismatch(digest, actual);
  };
  const found = await readBundle(source, { blob }, { signal });
  if (found.root.digest === root) return;
  throw new BundleInvalid(`it holds another package: ${found.root.digest}, not ${root}`);
}
