/**
 * Any part of a planned bundle, without the rest: for servers that let downloads go on.
 *
 * Content is not hashed on the way, since a part has no digest: the store has verified it, and whoever
 * receives the bundle verifies it again.
 */
import type { Digest } from "../oci/digest.ts";
import type { BundlePlan, PlannedEntry } from "./bundle-plan.ts";
import { blockSize, encodeTarHeader, paddingOf } from "./tar-header.ts";

/** Byte positions, both inclusive. */
export interface BundleRange {
  readonly start: number;
  readonly end: number;
}

/** Opens a part of a blob; a chunk is valid only until the next one is asked for. */
export type OpenBlobRange = (
  digest: Digest,
  range: BundleRange,
) => Promise<AsyncIterable<Uint8Array>>;

/** A chunk is valid only until the next one is asked for. */
export async function* readBundleRange(
  plan: BundlePlan,
  open: OpenBlobRange,
  { start, end }: BundleRange = { start: 0, end: plan.size - 1 },
): AsyncGenerator<Uint8Array> {
  for (const piece of pieces(plan)) {
    const first = Math.max(start - piece.offset, 0);
    const last = Math.min(end - piece.offset, piece.size - 1);
    if (first > last) continue;
    if ("blob" in piece) yield* await open(piece.blob, { start: first, end: last });
    else yield piece.bytes().subarray(first, last + 1);
  }
}

type Piece = { readonly offset: number; readonly size: number } & (
  | { readonly bytes: () => Buffer }
  | { readonly blob: Digest }
);

function* pieces({ entries, size }: BundlePlan): Generator<Piece> {
  for (const entry of entries) yield* piecesOf(entry);
  const end = 2 * blockSize;
  yield { offset: size - end, size: end, bytes: () => Buffer.alloc(end) };
}

function* piecesOf({ name, size, offset, content }: PlannedEntry): Generator<Piece> {
  yield { offset, size: blockSize, bytes: () => encodeTarHeader(name, size) };
  const place = { offset: offset + blockSize, size };
  yield "blob" in content ? { ...place, ...content } : { ...place, bytes: () => content.bytes };
  const padding = paddingOf(size);
  yield { offset: offset + blockSize + size, size: padding, bytes: () => Buffer.alloc(padding) };
}
