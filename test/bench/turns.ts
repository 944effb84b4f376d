/**
 * Turns of two servers under one load, A B A B …, and the medians of what each did.
 *
 * A figure holds what one unit costs in processor time of the whole process tree, so it says
 * something on a machine that does other things, too.
 */
import type { Contender, Contenders } from "./contenders.ts";
import { cpuSeconds, median } from "./figures.ts";
import type { Effort, Row } from "./part.ts";

/** What a load has done. */
export interface Done {
  readonly units: number;
  readonly seconds: number;
}

export interface Workload {
  readonly name: string;
  /** What is counted: `requests`, `MiB`. */
  readonly unit: string;
  /** Processor time is told for so many units, in so many parts of a second. */
  readonly cost: { readonly units: number; readonly name: string; readonly perSecond: number };
  /** @throws when anything was not answered as it should */
  readonly load: (to: Contender) => Promise<Done>;
  /** Once for each of the two, and in no figure: compilers and caches settle. */
  readonly warmUp?: (to: Contender) => Promise<unknown>;
  /** Before each turn of the two, and in no figure. */
  readonly prepare?: () => Promise<unknown>;
  /** How many times as much this server should do, and at least does under any noise. */
  readonly times?: { readonly target?: number; readonly floor?: number };
}

export const perRequest = { units: 1, name: "ms CPU", perSecond: 1000 } as const;
export const perGibibyte = { units: 1024, name: "CPU s/GiB", perSecond: 1 } as const;

interface Figure extends Readonly<Record<string, number>> {
  readonly rate: number;
  readonly cpu: number;
}

/** @returns the row of one workload */
export async function inTurns(
  { ours, theirs }: Pick<Contenders, "ours" | "theirs">,
  workload: Workload,
  { rounds }: Pick<Effort, "rounds">,
): Promise<Row> {
  const figures: Record<"this" | "docker-registry", Figure[]> = { this: [], "docker-registry": [] };
  for (const contender of [ours, theirs]) await workload.warmUp?.(contender);
  for (let round = 0; round < rounds; round += 1) {
    await workload.prepare?.();
    figures.this.push(await turn(ours, workload));
    figures["docker-registry"].push(await turn(theirs, workload));
  }
  const [mine, other] = [middle(figures.this), middle(figures["docker-registry"])];
  const { unit, cost, times: wanted = {} } = workload;
  const rate = unit === "requests" ? "/s" : ` ${unit}/s`;
  return {
    workload: workload.name,
    figures: {
      times: mine.rate / other.rate,
      [`this${rate}`]: mine.rate,
      [`docker-registry${rate}`]: other.rate,
      [`${cost.name} this`]: mine.cpu,
      [`${cost.name} docker-registry`]: other.cpu,
    },
    raw: figures,
    ...(wanted.target !== undefined && { target: { figure: "times", atLeast: wanted.target } }),
    ...(wanted.floor !== undefined && { floor: { figure: "times", atLeast: wanted.floor } }),
  };
}

async function turn(contender: Contender, { load, cost }: Workload): Promise<Figure> {
  const before = await cpuSeconds(contender.pid);
  const { units, seconds } = await load(contender);
  const used = (await cpuSeconds(contender.pid)) - before;
  return { rate: units / seconds, cpu: (used / units) * cost.units * cost.perSecond };
}

function middle(runs: readonly Figure[]): Figure {
  return {
    rate: median(runs.map(({ rate }) => rate)),
    cpu: median(runs.map(({ cpu }) => cpu)),
  };
}
