/**
 * What `npm run bench` is made of: parts that measure one thing each and give rows of figures.
 *
 * A row names its figures with their units. A target is what is wanted, of the long form on a quiet
 * machine; a floor makes the short form fail, so floors leave room for the noise of a shared one.
 */
export interface Bound {
  /** Name of a figure of the same row. */
  readonly figure: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface Row {
  readonly workload: string;
  /** By name and unit, `p99 ms`; medians where there were several turns. */
  readonly figures: Readonly<Record<string, number>>;
  /** What single turns gave, in their order, by contender or kind. */
  readonly raw?: Readonly<Record<string, readonly Readonly<Record<string, number>>[]>>;
  readonly target?: Bound;
  readonly floor?: Bound;
}

export interface Effort {
  /** Turns of each contender; printed are medians. */
  readonly rounds: number;
  /** Of load in each turn, where a workload runs for a time. */
  readonly seconds: number;
  /** Serving processes of this server. */
  readonly workers: number;
  /** The form of every change: smaller, and held against the floors. */
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

/** @returns why the row is not good enough, undefined when it is, or nothing is asked of it */
export function missed({ workload, figures }: Row, bound: Bound | undefined): string | undefined {
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
