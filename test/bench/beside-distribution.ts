/**
 * This server beside Debian's docker-registry, same certificate, same disk, in turns A B A B ….
 *
 * Loads come from wrk, which is compiled; a figure holds what one request costs in processor time of
 * the whole process tree.
 */
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Agent, request } from "undici";
import { digestOf } from "../../src/oci/digest.ts";
import { output } from "../fixtures/program.ts";
import { type Contender, type Contenders, startContenders } from "./contenders.ts";
import { cpuSeconds, median } from "./figures.ts";
import type { Effort, Part, Row } from "./part.ts";

interface Figure {
  readonly perSecond: number;
  readonly cpuMs: number;
}

export const besideDistribution: Part = {
  name: "distribution",
  title: "Pulls, beside docker-registry",
  needs: ["docker-registry", "wrk", "curl"],
  async *run(scratch, effort) {
    const contenders = await startContenders(scratch);
    try {
      for (const [workload, target] of Object.entries(await seed(contenders))) {
        yield rowOf(workload, await compare(contenders, target, effort));
      }
    } finally {
      await contenders.stop();
    }
  },
};

function rowOf(workload: string, [ours, theirs]: readonly [Figure, Figure]): Row {
  return {
    workload,
    figures: {
      "times as many": ours.perSecond / theirs.perSecond,
      "this/s": ours.perSecond,
      "docker-registry/s": theirs.perSecond,
      "ms CPU this": ours.cpuMs,
      "ms CPU docker-registry": theirs.cpuMs,
    },
  };
}

/** The same small image in both; the paths to measure. */
async function seed({ ours, theirs, ca }: Contenders): Promise<Record<string, string>> {
  const dispatcher = new Agent({ connect: { ca: await readFile(ca, "utf8") } });
  const layer = randomBytes(16 * 1024);
  const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers"}}');
  const type = "application/vnd.docker.distribution.manifest.v2+json";
  const part = (mediaType: string, bytes: Buffer) => ({
    mediaType,
    size: bytes.length,
    digest: digestOf(bytes),
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: type,
    config: part("application/vnd.docker.container.image.v1+json", config),
    layers: [part("application/vnd.docker.image.rootfs.diff.tar.gzip", layer)],
  });
  for (const { url } of [ours, theirs]) {
    for (const bytes of [layer, config]) await push(dispatcher, url, bytes);
    const put = { method: "PUT", dispatcher, headers: { "content-type": type }, body: manifest };
    await expect(201, await request(`${url}/v2/bench/image/manifests/1`, put as never));
  }
  await dispatcher.close();
  return {
    "manifest GET by tag, 32 connections": "/v2/bench/image/manifests/1",
    "16 KiB blob GET, 32 connections": `/v2/bench/image/blobs/${digestOf(layer)}`,
  };
}

async function push(dispatcher: Agent, url: string, bytes: Buffer): Promise<void> {
  const post = { method: "POST", dispatcher } as const;
  const { headers } = await expect(
    202,
    await request(`${url}/v2/bench/image/blobs/uploads/`, post),
  );
  const location = new URL(String(headers["location"]), url);
  location.searchParams.set("digest", digestOf(bytes));
  await expect(201, await request(location, { method: "PUT", dispatcher, body: bytes }));
}

async function expect<T extends { statusCode: number; body: { text(): Promise<string> } }>(
  status: number,
  answer: T,
): Promise<T> {
  const text = await answer.body.text();
  if (answer.statusCode !== status) throw new Error(`${answer.statusCode}: ${text}`);
  return answer;
}

async function compare(
  { ours, theirs }: Contenders,
  target: string,
  { rounds, seconds }: Effort,
): Promise<[Figure, Figure]> {
  const figures: [Figure[], Figure[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    figures[0].push(await load(ours, target, seconds));
    figures[1].push(await load(theirs, target, seconds));
  }
  return [middle(figures[0]), middle(figures[1])];
}

function middle(runs: readonly Figure[]): Figure {
  return {
    perSecond: median(runs.map(({ perSecond }) => perSecond)),
    cpuMs: median(runs.map(({ cpuMs }) => cpuMs)),
  };
}

async function load({ url, pid }: Contender, target: string, seconds: number): Promise<Figure> {
  const before = await cpuSeconds(pid);
  const accept = "Accept: application/vnd.docker.distribution.manifest.v2+json";
  const text = await output("wrk", ["-t1", "-c32", `-d${seconds}s`, "-H", accept, url + target]);
  const used = (await cpuSeconds(pid)) - before;
  const [, requests = ""] = /(\d+) requests in/.exec(text) ?? [];
  if (requests === "" || /Non-2xx/.test(text)) throw new Error(`wrk: ${text}`);
  const count = Number(requests);
  return { perSecond: count / seconds, cpuMs: (used / count) * 1000 };
}
