/**
 * The `Range` header of a GET (RFC 9110 section 14): which bytes of the content are asked for.
 *
 * A header that asks for more bytes than there are, in too many or overlapping pieces, is an attack
 * or a mistake: it is ignored, so no request costs more than the whole content.
 */

export interface ByteRange {
  readonly start: number;
  /** Inclusive. */
  readonly end: number;
}

/** What containers/storage asks for at most when it fetches the changed chunks of a layer. */
const maximumRanges = 1024;

const unit = /^bytes\s*=(.*)$/is;
const piece = /^(\d*)-(\d*)$/;

export function lengthOf({ start, end }: ByteRange): number {
  return end - start + 1;
}

/**
 * @param size of the content in bytes
 * @returns the ranges in the order asked for, clamped to the content; `undefined` when the whole
 *   content is to be sent; `"unsatisfiable"` when the header is malformed or nothing lies inside
 */
export function parseRange(
  header: string | undefined,
  size: number,
): readonly ByteRange[] | "unsatisfiable" | undefined {
  const list = header === undefined ? undefined : unit.exec(header)?.[1];
  if (list === undefined) return undefined;
  const pieces = list
    .split(",")
    .map((text) => text.trim())
    .filter((text) => text !== "");
  if (pieces.length > maximumRanges) return undefined;

  const ranges: ByteRange[] = [];
  for (const text of pieces) {
    const range = parsePiece(text, size);
    if (range === "malformed") return "unsatisfiable";
    if (range !== undefined) ranges.push(range);
  }
  if (ranges.length === 0) return "unsatisfiable";
  const asked = ranges.reduce((sum, range) => sum + lengthOf(range), 0);
  return ranges.length > 1 && asked > size ? undefined : ranges;
}

/** `undefined`: well-formed, and nothing of the content lies in it. */
function parsePiece(text: string, size: number): ByteRange | "malformed" | undefined {
  const [, first, last] = piece.exec(text) ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) {
    return "malformed";
  }
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? undefined : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== "" && Number(last) < start) return "malformed";
  return start < size ? { start, end } : undefined;
}
