/**
 * What a directory costs this server alone: additions of `.dcos` files, the end of a push by size, and
 * a start with 100,000 blobs.
 */
import { createHash, randomInt } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Digest } from "../../src/oci/digest.ts";
import { generatedBody } from "../fixtures/body.ts";
import { makeBundle } from "../fixtures/bundle.ts";
import { output } from "../fixtures/program.ts";
import { writeOutBlobs } from "../fixtures/quick-storage.ts";
import { commitLatency } from "./commit-latency.ts";
import { type Contender, startContenders, startOurs } from "./contenders.ts";
import { curlText } from "./curl.ts";
import { cpuSeconds, median, timed } from "./figures.ts";
import type { Effort, Part, Row } from "./part.ts";

const mebibyte = 1024 * 1024;
const blobs = 100_000;

export const onDisk: Part = {
  name: "disk",
  title: "Additions, ends of pushes and starts, on disk",
  needs: ["curl", "docker-registry"],
  async *run(scratch, effort) {
    const contenders = await startContenders(scratch, effort);
    try {
      const { ours, theirs } = contenders;
      yield await additions(scratch, ours, effort);
      yield* commitLatency([ours, theirs], {
        mebibytes: effort.short ? [1, 64] : [1, 16, 64, 256],
        samples: effort.short ? 5 : 9,
        times: { target: 2, floor: 8 },
      });
    } finally {
      await contenders.stop();
    }
    yield* starts(scratch, effort);
  },
};

async function additions(scratch: string, to: Contender, effort: Effort): Promise<Row> {
  const mebibytes = effort.short ? 128 : 512;
  const runs: { rate: number; cpu: number }[] = [];
  const file = path.join(scratch, "bench.dcos");
  for (let round = 0; round < effort.rounds; round += 1) {
    const assets = { "layer.bin": generatedBody(mebibytes * mebibyte, randomInt(2 ** 32)) };
    const bundle = await makeBundle({ name: "bench", version: `1.${round}`, assets });
    await pipeline(Readable.from(bundle.stream()), createWriteStream(file));
    await output("sync", []);
    const before = await cpuSeconds(to.pid);
    const sent = ["-T", file, "-X", "POST", "-H", "Content-Type: application/octet-stream"];
    const where = ["--cacert", to.ca, "-o", "/dev/null", `${to.url}/package/add`];
    const ms = await timed(() => output("curl", ["-sSf", ...sent, ...where]));
    const used = (await cpuSeconds(to.pid)) - before;
    runs.push({ rate: (mebibytes * 1000) / ms, cpu: (used * 1024) / mebibytes });
  }
  return {
    workload: `adding a .dcos file of ${mebibytes} MiB`,
    figures: {
      "MiB/s": median(runs.map(({ rate }) => rate)),
      "CPU s/GiB": median(runs.map(({ cpu }) => cpu)),
    },
    raw: { this: runs },
    floor: { figure: "MiB/s", atLeast: 20 },
  };
}

async function* starts(scratch: string, { rounds, workers }: Effort): AsyncGenerator<Row> {
  const full = path.join(scratch, "full");
  const empty = path.join(scratch, "empty");
  for (const directory of [full, empty]) await mkdir(directory);
  const digest = await writeOutBlobs(path.join(full, "data"), blobs);
  // Certificates are made once, before anything is measured.
  for (const directory of [full, empty]) await (await startOurs(directory, { workers })).stop();
  for (const count of workers === 1 ? [1] : [1, workers]) {
    const ms = { empty: [] as number[], full: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      ms.empty.push(await startMs(empty, count));
      ms.full.push(await startMs(full, count, digest));
    }
    const figure = `ms with ${blobs} blobs`;
    yield {
      workload: `start to the first answered pull, ${count} process(es)`,
      figures: { [figure]: median(ms.full), "ms with none": median(ms.empty) },
      raw: {
        full: ms.full.map((one) => ({ ms: one })),
        empty: ms.empty.map((one) => ({ ms: one })),
      },
      target: { figure, atMost: 1000 },
      floor: { figure, atMost: 5000 },
    };
  }
}

/** @param digest of a blob; without one, the first answer is that of `/v2/` */
async function startMs(directory: string, workers: number, digest?: Digest): Promise<number> {
  const begin = performance.now();
  const server = await startOurs(directory, { workers });
  const target = digest ? `/v2/team/app/blobs/${digest}` : "/v2/";
  const text = await curlText(server, target);
  const ms = performance.now() - begin;
  await server.stop();
  const found = `sha256:${createHash("sha256").update(text).digest("hex")}`;
  if (digest !== undefined && found !== digest) throw new Error(`the blob is ${text}`);
  return ms;
}
