/**
 * Where the texts of an index stand in memory: one behind the other, in pages of one size.
 *
 * What was written in a row can be read in a row: an answer of thousands of packages is a few pieces
 * of memory, which nobody copies together. A page is given back when nothing in it is used any more, so
 * whoever goes on for long has to begin with new ones some day.
 */

/** As much as is worth a write to a client. */
export const pageBytes = 256 * 1024;

export class IndexPages {
  #page: Buffer = Buffer.alloc(0);
  #used = 0;
  #bytes = 0;

  /** Of all pages that were ever begun. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @returns the text in UTF-8; it stays as it is */
  write(text: string): Buffer {
    const length = Buffer.byteLength(text);
    // What fills most of a page has one of its own, and the rest of this one is not lost.
    if (length > pageBytes / 2) return Buffer.from(text);
    if (length > this.#page.length - this.#used) {
      this.#page = Buffer.allocUnsafeSlow(pageBytes);
      this.#used = 0;
      this.#bytes += pageBytes;
    }
    const from = this.#used;
    this.#used += this.#page.write(text, from);
    return this.#page.subarray(from, this.#used);
  }
}

/** The same bytes in as few pieces as they can be read in without copying. */
export function inRow(pieces: readonly Buffer[]): Buffer[] {
  const rows: Buffer[] = [];
  for (const piece of pieces) {
    const before = rows.at(-1);
    if (before && follows(before, piece)) {
      rows[rows.length - 1] = Buffer.from(
        before.buffer,
        before.byteOffset,
        before.length + piece.length,
      );
    } else {
      rows.push(piece);
    }
  }
  return rows;
}

function follows(before: Buffer, piece: Buffer): boolean {
  return before.buffer === piece.buffer && before.byteOffset + before.length === piece.byteOffset;
}
