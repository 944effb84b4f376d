/**
 * Keeps the list of an upload's segments short, whatever sizes of chunks a client chooses.
 *
 * The list stands in the session's document and in the blob's record, which are read and written
 * whole. So a chunk behind a long list takes in the smaller segments in front of it: as in a binary
 * counter each byte is written again a few times only, and their number grows with its logarithm.
 */
import type { Segment } from "./blob-record.ts";
import { UploadInvalid } from "./registry-errors.ts";

const mebibyte = 1024 * 1024;

/** Shorter lists are left as they are: the usual client sends one chunk, or few large ones. */
export const shortList = 64;
/** More than any client needs that sends the chunks we recommend, or larger ones. */
export const longestList = 10_000;
/** Segments of this size are not taken in; it grows with the upload, so that the list does not. */
const smallestMerge = 8 * mebibyte;
const largestMerge = 64 * mebibyte;
const mergesPerUpload = 256;

/**
 * @param size bytes of the new chunk, or as many as are certain to come
 * @returns the last segments of the list, in order: what the chunk's own segment should begin with
 * @throws {UploadInvalid} when the list cannot take another segment
 */
export function segmentsToMerge(segments: readonly Segment[], size: number): readonly Segment[] {
  if (segments.length < shortList) return [];
  const before = segments.reduce((sum, segment) => sum + segment.size, 0);
  const limit = Math.min(Math.max(before / mergesPerUpload, smallestMerge), largestMerge);
  let merged = size;
  let first = segments.length;
  for (const previous of segments.toReversed()) {
    if (previous.size > 2 * merged || previous.size + merged > limit) break;
    merged += previous.size;
    first -= 1;
  }
  if (first >= longestList) {
    throw new UploadInvalid("this upload has too many chunks; send larger ones", {
      chunks: longestList,
    });
  }
  return segments.slice(first);
}
