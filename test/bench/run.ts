/**
 * `npm run bench`: measures, prints rows as they come, and writes all figures where BENCH_JSON says.
 *
 * `npm run bench -- listings` runs one part. BENCH_SHORT=1 is the form of every change: smaller, and
 * it fails where a figure is below its floor; the long form says which targets it missed.
 * BENCH_ROUNDS, BENCH_SECONDS and BENCH_WORKERS change the effort.
 */
import { appendFile, mkdir, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import path from "node:path";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { besideDistribution } from "./beside-distribution.ts";
import { onBucket } from "./bucket.ts";
import { onDisk } from "./disk.ts";
import { listingPages } from "./listing-pages.ts";
import { type Effort, missed, type Part, type Row, rounded } from "./part.ts";
import { repositoryIndex } from "./repository-index.ts";
import { type MeasuredPart, measuredPart, resultsOf } from "./results.ts";
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
  const unknown = wanted.filter((name) => !parts.some((part) => part.name === name));
  if (unknown.length > 0) throw new Error(`parts are ${parts.map(({ name }) => name).join(", ")}`);
  const chosen = parts.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  const missing = lacking(...chosen.flatMap(({ needs }) => needs));
  if (missing) throw new Error(`cannot measure: ${missing}`);

  const measured: MeasuredPart[] = [];
  const scratch = await makeScratch("bench");
  try {
    for (const part of chosen) measured.push(await measure(part, scratch));
  } finally {
    await removeScratch(scratch);
  }
  const file = process.env["BENCH_JSON"];
  const found = resultsOf(effort, measured);
  if (file) await writeFile(file, `${JSON.stringify(found, undefined, 2)}\n`);
  await judge(measured);
}

/** A part that fails keeps the rows that it has, and the others are measured all the same. */
async function measure(part: Part, scratch: string): Promise<MeasuredPart> {
  const directory = path.join(scratch, part.name);
  await mkdir(directory);
  process.stdout.write(`\n${part.title}\n`);
  const rows: Row[] = [];
  try {
    for await (const row of part.run(directory, effort)) {
      const figures = Object.entries(row.figures).map(
        ([name, value]) => `${rounded(value)} ${name}`,
      );
      process.stdout.write(`  ${row.workload.padEnd(44)} ${figures.join(", ")}\n`);
      rows.push(row);
    }
    return measuredPart(part, rows);
  } catch (error) {
    const failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return measuredPart(part, rows, failure);
  } finally {
    await removeScratch(directory);
  }
}

/** Floors decide, in the short form only; a target is for people. A part that failed fails any form. */
async function judge(measured: readonly MeasuredPart[]): Promise<void> {
  const rows = measured.flatMap((part) => part.rows);
  for (const row of rows) {
    const reason = missed(row, row.target);
    if (reason && !short) process.stdout.write(`target missed: ${reason}\n`);
  }
  const below = rows.map((row) => missed(row, row.floor)).filter((reason) => reason !== undefined);
  const failures = measured.flatMap(({ name, failure }) =>
    failure ? [`${name}: ${failure}`] : [],
  );
  const reasons = short ? [...below, ...failures] : failures;
  for (const reason of reasons) process.stdout.write(`not ok: ${reason}\n`);
  if (reasons.length > 0) process.exitCode = 1;
  if (!short) return;
  const bounded = rows.filter(({ floor }) => floor).length;
  const summary = `${bounded - below.length} passed, ${reasons.length} failed\n`;
  process.stdout.write(summary);
  const record = process.env["TEST_SUMMARY_FILE"];
  if (record) await appendFile(record, summary);
}

await main();
