/**
 * Runs the compiled tests and ends with one line, `N passed, N failed[, N skipped]`.
 *
 * `node dist/test/run.js` runs what needs only Node; `--real` runs the suites in test/real, which
 * start real docker, skopeo, podman and so on. Names given behind that select files by substring.
 * Skips are listed with their reasons, so that a green run says what it did not look at.
 */
import { appendFileSync, existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { secondsByFile, slowest } from "./slowest.ts";
import { soak } from "./soak.ts";

const here = import.meta.dirname;
const sources = path.resolve(here, "../../test");
const real = process.argv.includes("--real");
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));

async function testFiles(): Promise<string[]> {
  const names = await readdir(here, { recursive: true });
  return (
    names
      .filter((name) => name.endsWith(".test.js"))
      // What was compiled from a source that is gone since is no test any more.
      .filter((name) => existsSync(path.join(sources, name.replace(/\.js$/, ".ts"))))
      .filter((name) => name.startsWith(`real${path.sep}`) === real)
      .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
      .sort()
      .map((name) => path.join(here, name))
  );
}

function failureType(error: Error): unknown {
  return "failureType" in error ? error.failureType : undefined;
}

const counts = { passed: 0, failed: 0, skipped: 0 };
const skips: string[] = [];
const files = await testFiles();
if (files.length === 0) throw new Error(`no test file matches ${wanted.join(" ")}`);

const minuteMs = 60_000;
const events = run({
  files,
  concurrency: real ? 1 : 2,
  timeout: (soak ? 240 : real ? 45 : 10) * minuteMs,
});
events.on("test:pass", ({ name, skip, details }) => {
  // A skipped suite is reported instead of its tests.
  if (details.type === "suite" && skip === undefined) return;
  if (skip === undefined) counts.passed += 1;
  else {
    counts.skipped += 1;
    skips.push(`${name}: ${skip === true ? "no reason given" : skip}`);
  }
});
events.on("test:fail", ({ details }) => {
  // A suite also fails by itself, when its hooks do; what its tests did is counted one by one.
  const ofItself = failureType(details.error) !== "subtestsFailed";
  if (details.type !== "suite" || ofItself) counts.failed += 1;
});
const seconds = secondsByFile(events);
const report = pipeline(events.compose(new spec()), process.stdout, { end: false });
await report;

for (const line of skips) process.stdout.write(`skipped: ${line}\n`);
for (const [file, took] of slowest(seconds)) {
  process.stdout.write(`slow: ${took} s ${path.relative(here, file)}\n`);
}
const { passed, failed, skipped } = counts;
const summary = `${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`;
process.stdout.write(`${summary}\n`);
const record = process.env["TEST_SUMMARY_FILE"];
if (record) appendFileSync(record, `${summary}\n`);
process.exitCode = failed > 0 ? 1 : 0;
