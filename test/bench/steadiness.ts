/**
 * What a long mixed load and slow clients cost: memory that stays flat, and others who do not wait.
 *
 * Turns with and without 200 clients that read 10 KiB/s each; then everything at once for minutes.
 */

import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { residentMemory } from "../fixtures/process-figures.ts";
import { Program } from "../fixtures/program.ts";
import { type Contender, startOurs } from "./contenders.ts";
import { curlGet, curlPush, PushedFile } from "./curl.ts";
import { median, percentile } from "./figures.ts";
import type { Effort, Part, Row } from "./part.ts";
import { manifestType, pushImage, type Seeded, seededPaths } from "./seed.ts";
import { SmallPushes, wrkGet, wrkLatency } from "./wrk.ts";

const mebibyte = 1024 * 1024;
const slowReaders = 200;

export const steadiness: Part = {
  name: "steadiness",
  title: "Slow clients, and memory over time",
  needs: ["wrk", "curl"],
  async *run(scratch, effort) {
    const server = await startOurs(scratch, effort);
    try {
      const file = await PushedFile.create(scratch, "large", 256);
      const layer = randomBytes(16 * 1024);
      await pushImage(server, layer);
      await curlPush(server, [file], "put");
      const seeded = seededPaths(layer, file);
      yield await besideSlowReaders(server, seeded, effort);
      yield await mixedLoad(scratch, server, seeded, effort);
    } finally {
      await server.stop();
    }
  },
};

async function besideSlowReaders(
  server: Contender,
  seeded: Seeded,
  { rounds, short }: Effort,
): Promise<Row> {
  const seconds = short ? 3 : 10;
  const measure = () => wrkLatency(server, seeded.small, { connections: 4, seconds });
  await measure();
  const runs: Record<"alone" | "beside", { ms: number }[]> = { alone: [], beside: [] };
  const costs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    runs.alone.push({ ms: await measure() });
    const before = residentMemory(server.pid);
    const readers = slow(server, seeded.large);
    // Until all have their connections and the server's buffers are as full as they get.
    await pause(short ? 3000 : 10_000);
    runs.beside.push({ ms: await measure() });
    costs.push((residentMemory(server.pid) - before) / mebibyte);
    if (!readers.running) throw new Error(`the slow readers ended: ${readers.tail()}`);
    await readers.stop();
  }
  const ms = (of: keyof typeof runs) => median(runs[of].map((run) => run.ms));
  return {
    workload: `16 KiB blob GET beside ${slowReaders} readers of 10 KiB/s`,
    figures: {
      "times p99": ms("beside") / ms("alone"),
      "ms p99": ms("beside"),
      "ms p99 alone": ms("alone"),
      "MiB for the slow": median(costs),
    },
    raw: { ...runs, cost: costs.map((mebibytes) => ({ mebibytes })) },
    target: { figure: "times p99", atMost: 1.2 },
    floor: { figure: "MiB for the slow", atMost: 200 },
  };
}

/** One process with so many connections. */
function slow({ url, ca }: Contender, target: string): Program {
  const pulls = Array.from({ length: slowReaders }, () => ["-o", "/dev/null", url + target]).flat();
  const shape = ["--parallel", "--parallel-immediate", "--parallel-max", String(slowReaders)];
  return new Program("curl", ["-sS", "--cacert", ca, "--limit-rate", "10k", ...shape, ...pulls]);
}

/** Everything at once, again and again; the first fifth is warm-up. */
async function mixedLoad(
  scratch: string,
  server: Contender,
  seeded: Seeded,
  { short }: Effort,
): Promise<Row> {
  const seconds = short ? 15 : 600;
  const headers = [`Accept: ${manifestType}`];
  const pushed = await PushedFile.create(scratch, "mixed", 64);
  const small = new SmallPushes(scratch);
  const deadline = performance.now() + seconds * 1000;
  const turns = [
    () => wrkGet(server, seeded.manifest, { connections: 4, seconds: 2, headers }),
    () => wrkGet(server, seeded.small, { connections: 4, seconds: 2 }),
    () => curlGet(server, seeded.large, { clients: 2, each: 1, size: seeded.largeSize }),
    async () => {
      await pushed.renew();
      await curlPush(server, [pushed], "put");
    },
    () => small.run(server, 2, 2),
  ];
  const repeated = turns.map(async (turn) => {
    while (performance.now() < deadline) await turn();
  });
  const samples = await sampled(server, seconds);
  await Promise.all(repeated);
  return flatness(samples.slice(samples.length / 5), seconds);
}

/** MiB of the whole process tree, every half second. */
async function sampled({ pid }: Contender, seconds: number): Promise<number[]> {
  const samples: number[] = [];
  const deadline = performance.now() + seconds * 1000;
  while (performance.now() < deadline) {
    samples.push(residentMemory(pid) / mebibyte);
    await pause(500);
  }
  return samples;
}

const windows = 8;

/** How far the median of any eighth of the time is from the median of all of it. */
function flatness(samples: readonly number[], seconds: number): Row {
  const middle = median(samples);
  const length = Math.max(1, Math.floor(samples.length / windows));
  const parts = Array.from({ length: windows }, (_, at) =>
    median(samples.slice(at * length, (at + 1) * length)),
  ).filter((part) => !Number.isNaN(part));
  const furthest = Math.max(...parts.map((part) => Math.abs(part - middle)));
  const figure = "% off the median";
  return {
    workload: `memory over ${seconds} s of mixed load`,
    figures: {
      [figure]: (furthest / middle) * 100,
      "MiB median": middle,
      "MiB p95": percentile(samples, 95),
      "MiB in the first eighth": parts[0] ?? Number.NaN,
      "MiB in the last eighth": parts.at(-1) ?? Number.NaN,
    },
    raw: { windows: parts.map((mebibytes) => ({ mebibytes })) },
    target: { figure, atMost: 10 },
    floor: { figure, atMost: 40 },
  };
}
