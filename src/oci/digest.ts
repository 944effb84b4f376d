/**
 * Content digests of the OCI image specification.
 *
 * A `Digest` exists only after parsing or hashing, so code that holds one never checks it again.
 * Depends on nothing but `node:crypto`.
 */
import { createHash, type Hash } from "node:crypto";
import { DigestInvalid } from "./registry-error.ts";

declare const digestBrand: unique symbol;

/** `<algorithm>:<lower-case hex>`; sha256 (64 digits) or sha512 (128 digits). */
export type Digest = string & { readonly [digestBrand]: true };

export type DigestAlgorithm = "sha256" | "sha512";

const grammar = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/;

export function isDigest(text: string): text is Digest {
  return grammar.test(text);
}

/** @throws {DigestInvalid} when `text` is no digest, or of an algorithm that is not supported */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) throw new DigestInvalid(text);
  return text;
}

export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha256:") ? "sha256" : "sha512";
}

/** The hexadecimal part, the name of the file below `blobs/<algorithm>/` in an image layout. */
export function hexOf(digest: Digest): string {
  return digest.slice(digest.indexOf(":") + 1);
}

export function digestOf(
  bytes: Uint8Array | string,
  algorithm: DigestAlgorithm = "sha256",
): Digest {
  return finish(algorithm, createHash(algorithm).update(bytes));
}

/** Names what `hash` has seen so far. The hash stays usable: its state is copied. */
export function digestSoFar(algorithm: DigestAlgorithm, hash: Hash): Digest {
  return finish(algorithm, hash.copy());
}

function finish(algorithm: DigestAlgorithm, hash: Hash): Digest {
  return `${algorithm}:${hash.digest("hex")}` as Digest;
}
