/**
 * `node dist/test/scale/report.js BENCH_JSON`: the cost model and the storm as Markdown, from unit
 * costs that are counted now and processor times of a run of `npm run bench -- bucket`.
 */
import { readFile } from "node:fs/promises";
import { rounded } from "../bench/part.ts";
import type { Results } from "../bench/results.ts";
import { additionBytes, collection, type ProcessorCosts, rollout } from "./cost-model.ts";
import { type Outcome, type Storm, simulate } from "./pull-storm.ts";
import { measureUnitCosts, type UnitCosts } from "./unit-costs.ts";

const gibibyte = 1024 ** 3;
const tenGigabit = 1.25e9;
const layers = Array.from({ length: 8 }, () => gibibyte / 8);
const image = { bytes: gibibyte, layers: layers.length };

async function main(file: string): Promise<void> {
  const results = JSON.parse(await readFile(file, "utf8")) as Results;
  const costs = processorCosts(results);
  const units = await measureUnitCosts([500, 2000]);
  const { secondsPerManifest: manifest, secondsPerGibibyte: content } = costs;
  const lines = [
    `Processor: ${rounded(manifest * 1000)} ms a manifest, ${rounded(content)} s a GiB.`,
    ...unitTable(units),
    ...rolloutTable(units, costs),
    ...collectorTable(units),
    ...additionTable(units),
    ...stormTable(costs),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

function processorCosts({ parts }: Results): ProcessorCosts {
  const rows = parts.find(({ name }) => name === "bucket")?.rows ?? [];
  const figure = (workload: RegExp, name: string): number => {
    const value = rows.find((row) => workload.test(row.workload))?.figures[name];
    if (value === undefined) throw new Error(`no ${name} of ${workload}: measure "bucket"`);
    return value;
  };
  return {
    secondsPerManifest: figure(/^manifest GET/, "ms CPU this") / 1000,
    secondsPerGibibyte: figure(/GET of kept data, 8 clients/, "CPU s/GiB this"),
  };
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const line = (cells: readonly (string | number)[]): string =>
    `| ${cells.map((cell) => (typeof cell === "number" ? rounded(cell) : cell)).join(" | ")} |`;
  return ["", line(head), line(head.map(() => "---")), ...rows.map(line)];
}

function unitTable(units: UnitCosts): string[] {
  const acts = {
    "first pull of an image by a process": units.coldPull,
    "the next": units.warmPull,
    "one after two seconds": units.revalidatingPull,
    "push of an image": units.push,
    "push of one that is here": units.pushAgain,
    "adding a package": units.add,
  };
  const rows = Object.entries(acts).map(([act, { requests, reads, writes, lists }]) => [
    act,
    requests,
    reads,
    writes,
    lists,
  ]);
  return table(["Requests to the store", "all", "reads", "writes", "lists"], rows);
}

function rolloutTable(units: UnitCosts, costs: ProcessorCosts): string[] {
  const three = { count: 3, workers: 2, network: tenGigabit };
  const rows = [10, 1000, 100_000].map((agents) => {
    const found = rollout(units, costs, three, { agents, image });
    return [
      String(agents),
      found.requestsTogether,
      found.requestsApart,
      found.processorSeconds,
      found.bytes / gibibyte,
      found.networkSeconds,
      found.processorSecondsEach,
    ];
  });
  const head = ["Agents", "requests, together", "requests, apart", "CPU s", "GiB"];
  return table([...head, "s by network", "s by processors"], rows);
}

function collectorTable(units: UnitCosts): string[] {
  const rows = [1e4, 1e5, 1e6, 1e7].map((blobs) => {
    const found = collection(units, { blobs, requestsPerSecond: 500 });
    return [
      String(blobs),
      found.firstRequests,
      found.firstSeconds / 60,
      found.laterRequests,
      found.laterSeconds / 60,
      found.memoryBytes / 1024 / 1024,
    ];
  });
  const head = ["Blobs", "requests, first cycle", "minutes", "requests, later", "minutes", "MiB"];
  return table(head, rows);
}

function additionTable(units: UnitCosts): string[] {
  const rows = [100, 1000, 10_000, 100_000].map((packages) => [
    String(packages),
    additionBytes(units, packages) / 1024,
  ]);
  return table(["Packages in the catalogue", "KiB written by one addition"], rows);
}

function stormTable({ secondsPerGibibyte }: ProcessorCosts): string[] {
  const workers = 2;
  const byProcessors = (workers / secondsPerGibibyte) * gibibyte;
  const usual: Storm = {
    agents: 500,
    layers,
    parallel: 3,
    agentRate: tenGigabit,
    within: 5,
    instances: 3,
    workers,
    instanceRate: Math.min(tenGigabit, byProcessors),
    storeRate: tenGigabit,
    shared: true,
  };
  const storms: Readonly<Record<string, Storm>> = {
    "three instances": usual,
    "one of them lost after 30 s": { ...usual, lossAt: 30 },
    "six instances": { ...usual, instances: 6 },
    "three with four processors each": {
      ...usual,
      workers: 4,
      instanceRate: Math.min(tenGigabit, 2 * byProcessors),
    },
    "three that share no reads": { ...usual, shared: false },
  };
  const rows = Object.entries(storms).map(([name, storm]) => [
    name,
    ...stormCells(simulate(storm)),
  ]);
  const head = ["500 agents, 1 GiB", "s, first", "s, median", "s, last", "GiB from the store"];
  return table([...head, "reads of it"], rows);
}

function stormCells({ first, median, last, storeBytes, storeRequests }: Outcome): number[] {
  return [first, median, last, storeBytes / gibibyte, storeRequests];
}

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error("which file of BENCH_JSON?");
await main(file);
