/**
 * `npm run bench`: measures, prints a table, and writes the raw figures where BENCH_JSON says.
 *
 * `npm run bench -- listings` runs one part. BENCH_SHORT=1 is the form of every change: smaller, and
 * it fails where a figure is out of its bounds. BENCH_ROUNDS and BENCH_SECONDS change the effort.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { arch, cpus, totalmem } from "node:os";
import path from "node:path";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { besideDistribution } from "./beside-distribution.ts";
import { listingPages } from "./listing-pages.ts";
import { type Effort, missedBound, type Part, type Row, rounded } from "./part.ts";

const parts: readonly Part[] = [besideDistribution, listingPages];

const short = process.env["BENCH_SHORT"] === "1";
const effort: Effort = {
  rounds: Number(process.env["BENCH_ROUNDS"] ?? (short ? 1 : 3)),
  seconds: Number(process.env["BENCH_SECONDS"] ?? (short ? 2 : 4)),
  short,
};

async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  const chosen = parts.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  if (chosen.length === 0) throw new Error(`parts are ${parts.map(({ name }) => name).join(", ")}`);
  const missing = lacking(...chosen.flatMap(({ needs }) => needs));
  if (missing) throw new Error(`cannot measure: ${missing}`);

  const scratch = await makeScratch("bench");
  const results: Record<string, Row[]> = {};
  try {
    for (const part of chosen) results[part.name] = await measure(part, scratch);
  } finally {
    await removeScratch(scratch);
  }
  await record(results);
  if (short) judge(Object.values(results).flat());
}

async function measure(part: Part, scratch: string): Promise<Row[]> {
  const directory = path.join(scratch, part.name);
  await mkdir(directory);
  process.stdout.write(`\n${part.title}\n`);
  const rows: Row[] = [];
  for await (const row of part.run(directory, effort)) {
    const figures = Object.entries(row.figures).map(([name, value]) => `${rounded(value)} ${name}`);
    process.stdout.write(`  ${row.workload.padEnd(44)} ${figures.join(", ")}\n`);
    rows.push(row);
  }
  return rows;
}

async function record(results: Record<string, Row[]>): Promise<void> {
  const file = process.env["BENCH_JSON"];
  if (!file) return;
  const machine = {
    processors: cpus().length,
    model: cpus()[0]?.model.trim(),
    memoryMiB: Math.round(totalmem() / 1024 / 1024),
    architecture: arch(),
    node: process.version,
  };
  const found = { date: new Date().toISOString(), machine, effort, results };
  await writeFile(file, `${JSON.stringify(found, undefined, 2)}\n`);
}

function judge(rows: readonly Row[]): void {
  const missed = rows.map(missedBound).filter((reason) => reason !== undefined);
  const bounded = rows.filter(({ bound }) => bound).length;
  for (const reason of missed) process.stdout.write(`not ok: ${reason}\n`);
  process.stdout.write(`${bounded - missed.length} passed, ${missed.length} failed\n`);
  if (missed.length > 0) process.exitCode = 1;
}

await main();
