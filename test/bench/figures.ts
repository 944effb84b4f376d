/** Medians, percentiles, and what a process tree used of the processors. */
import { readFile } from "node:fs/promises";
import { processTree } from "../fixtures/program.ts";

const ticksPerSecond = 100;

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** The smallest value that is not below `percent` of them. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  const at = Math.ceil((percent / 100) * sorted.length) - 1;
  return sorted[Math.max(at, 0)] ?? Number.NaN;
}

/** Seconds of processor time of the process and all that descend from it. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stats = await Promise.all(
    processTree(pid).map((one) => readFile(`/proc/${one}/stat`, "utf8")),
  );
  const fields = stats.map((stat) => stat.slice(stat.lastIndexOf(")") + 2).split(" "));
  const ticks = fields.reduce((sum, field) => sum + Number(field[11]) + Number(field[12]), 0);
  return ticks / ticksPerSecond;
}

/** Milliseconds that `work` takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}
