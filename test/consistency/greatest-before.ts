/** The greatest value of all that stand before a place, for many questions: sorted once, then by halves. */

export interface Placed {
  readonly at: number;
  readonly value: number;
}

export class GreatestBefore {
  readonly #places: readonly number[];
  /** Of each place and all before it. */
  readonly #greatest: readonly number[];

  constructor(values: readonly Placed[]) {
    const sorted = [...values].sort((one, other) => (one.at < other.at ? -1 : 1));
    let greatest = Number.NEGATIVE_INFINITY;
    this.#places = sorted.map(({ at }) => at);
    this.#greatest = sorted.map(({ value }) => {
      greatest = Math.max(greatest, value);
      return greatest;
    });
  }

  /** @returns undefined when nothing stands before `place` */
  before(place: number): number | undefined {
    let [low, high] = [0, this.#places.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#places[middle] ?? 0) < place) low = middle + 1;
      else high = middle;
    }
    return this.#greatest[low - 1];
  }
}
