/**
 * What `npm run bench` is made of: parts that measure one thing each and give rows of figures.
 *
 * A row names its figures with their units; a bound on one of them makes the short form of the
 * benchmark fail, so bounds leave room for the noise of a shared machine.
 */
export interface Bound {
  /** Name of a figure of the same row. */
  readonly figure: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Row {
  readonly workload: string;
  /** By name and unit, `p99 ms`. */
  readonly figures: Readonly<Record<string, number>>;
  readonly bound?: Bound;
}

export interface Effort {
  /** Turns of each contender; printed are medians. */
  readonly rounds: number;
  /** Of load in each turn, where a workload runs for a time. */
  readonly seconds: number;
  /** The form of every change: smaller, and held against the bounds. */
  readonly short: boolean;
}

export interface Part {
  /** Selects it on the command line. */
  readonly name: string;
  readonly title: string;
  /** Programs that it needs. */
  readonly needs: readonly string[];
  /** @param scratch an empty directory of this part alone */
  run(scratch: string, effort: Effort): AsyncIterable<Row>;
}

/** @returns why the row is not good enough, undefined when it is, or has no bound */
export function missedBound({ workload, figures, bound }: Row): string | undefined {
  if (!bound) return undefined;
  const { figure, atLeast = Number.NEGATIVE_INFINITY, atMost = Number.POSITIVE_INFINITY } = bound;
  const value = figures[figure] ?? Number.NaN;
  if (value >= atLeast && value <= atMost) return undefined;
  const wanted = bound.atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`;
  return `${workload}: ${figure} is ${rounded(value)}, wanted is ${wanted}`;
}

/** Three digits that matter. */
export function rounded(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toString();
  return Number(value.toPrecision(3)).toString();
}
