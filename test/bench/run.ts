/**
 * `npm run bench`: measures, prints a table, and writes the raw figures where BENCH_JSON says.
 *
 * `npm run bench -- listings` runs one part. BENCH_SHORT=1 is the form of every change: smaller, and
 * it fails where a figure is below its floor; the long form says which targets it missed.
 * BENCH_ROUNDS, BENCH_SECONDS and BENCH_WORKERS change the effort.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { arch, cpus, loadavg, totalmem } from "node:os";
import path from "node:path";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { besideDistribution } from "./beside-distribution.ts";
import { onBucket } from "./bucket.ts";
import { onDisk } from "./disk.ts";
import { listingPages } from "./listing-pages.ts";
import { type Effort, missed, type Part, type Row, rounded } from "./part.ts";
import { repositoryIndex } from "./repository-index.ts";
import { steadiness } from "./steadiness.ts";

const parts: readonly Part[] = [
  besideDistribution,
  onBucket,
  repositoryIndex,
  onDisk,
  steadiness,
  listingPages,
];

const short = process.env["BENCH_SHORT"] === "1";
const effort: Effort = {
  rounds: Number(process.env["BENCH_ROUNDS"] ?? (short ? 1 : 3)),
  seconds: Number(process.env["BENCH_SECONDS"] ?? (short ? 2 : 4)),
  workers: Number(process.env["BENCH_WORKERS"] ?? cpus().length),
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
  judge(Object.values(results).flat());
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
    /** Of the last minutes, at the end: what the machine did beside this shows in it. */
    load: loadavg(),
  };
  const found = { date: new Date().toISOString(), machine, effort, results };
  await writeFile(file, `${JSON.stringify(found, undefined, 2)}\n`);
}

/** Floors decide, in the short form only; a target is for people. */
function judge(rows: readonly Row[]): void {
  for (const row of rows) {
    const reason = missed(row, row.target);
    if (reason && !short) process.stdout.write(`target missed: ${reason}\n`);
  }
  if (!short) return;
  const reasons = rows
    .map((row) => missed(row, row.floor))
    .filter((reason) => reason !== undefined);
  const bounded = rows.filter(({ floor }) => floor).length;
  for (const reason of reasons) process.stdout.write(`not ok: ${reason}\n`);
  process.stdout.write(`${bounded - reasons.length} passed, ${reasons.length} failed\n`);
  if (reasons.length > 0) process.exitCode = 1;
}

await main();
