/** Turns offsets in a text into lines and columns, fast enough for thousands of findings. */

/** Both from 1; the column counts UTF-16 units as editors do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export class LineIndex {
  /** Offset of the first character of each line. */
  readonly #starts: number[] = [0];

  /** `\n`, `\r\n` and `\r` end a line. */
  constructor(text: string) {
    for (const { 0: end, index } of text.matchAll(/\r\n?|\n/g))
      this.#starts.push(index + end.length);
  }

  position(offset: number): Position {
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 };
  }
}
