/**
 * `npm run bench`: this server beside Debian's docker-registry, same certificate, same disk, in turns.
 *
 * Loads come from wrk, which is compiled. Each workload runs A B A B …; printed are the medians, their
 * ratio, and what one request costs in CPU time of the whole process tree. Needs the Debian packages
 * docker-registry and wrk; timings never decide a test.
 */
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { Agent, request } from "undici";
import { digestOf } from "../../src/oci/digest.ts";
import { output, Program, processTree } from "../fixtures/program.ts";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 3);
const seconds = Number(process.env["BENCH_SECONDS"] ?? 4);
const ticksPerSecond = 100;

interface Contender {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  stop(): Promise<unknown>;
}

interface Figure {
  readonly perSecond: number;
  readonly cpuMs: number;
}

async function main(): Promise<void> {
  const missing = lacking("docker-registry", "wrk");
  if (missing) throw new Error(`cannot measure: ${missing}`);
  const scratch = await makeScratch("bench");
  const ours = await startOurs(scratch);
  const theirs = await startTheirs(scratch);
  try {
    for (const [title, target] of Object.entries(await seed([ours, theirs], scratch))) {
      print(title, await compare(ours, theirs, target));
    }
  } finally {
    await Promise.all([ours.stop(), theirs.stop()]);
    await removeScratch(scratch);
  }
}

async function startOurs(scratch: string): Promise<Contender> {
  const directory = path.join(scratch, "ours");
  await mkdir(directory);
  const server = await ServerProcess.start({ directory });
  return { name: "this", url: server.url, pid: server.pid, stop: () => server.stop() };
}

async function startTheirs(scratch: string): Promise<Contender> {
  const tls = path.join(scratch, "ours/data/tls");
  const port = await freePort();
  const configuration = {
    version: "0.1",
    log: { level: "error", accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: path.join(scratch, "theirs") } },
    http: {
      addr: `127.0.0.1:${port}`,
      tls: { certificate: path.join(tls, "server.crt"), key: path.join(tls, "server.key") },
    },
  };
  const file = path.join(scratch, "docker-registry.json");
  await writeFile(file, JSON.stringify(configuration)); // YAML is a superset of JSON
  const program = new Program("docker-registry", ["serve", file], { cwd: scratch });
  const url = `https://127.0.0.1:${port}`;
  await output("curl", ["-ks", "--retry", "50", "--retry-connrefused", "--retry-delay", "1", url]);
  return { name: "docker-registry", url, pid: program.pid, stop: () => program.stop() };
}

/** The same small image in both; the paths to measure. */
async function seed(
  contenders: readonly Contender[],
  scratch: string,
): Promise<Record<string, string>> {
  const ca = await readFile(path.join(scratch, "ours/data/tls/ca.crt"), "utf8");
  const dispatcher = new Agent({ connect: { ca } });
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
  for (const { url } of contenders) {
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

async function compare(ours: Contender, theirs: Contender, target: string): Promise<Figure[]> {
  const figures: Figure[][] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    for (const [at, contender] of [ours, theirs].entries()) {
      figures[at]?.push(await load(contender, target));
    }
  }
  return figures.map((runs) => ({
    perSecond: median(runs.map(({ perSecond }) => perSecond)),
    cpuMs: median(runs.map(({ cpuMs }) => cpuMs)),
  }));
}

async function load({ url, pid }: Contender, target: string): Promise<Figure> {
  const before = await cpuTicks(pid);
  const accept = "Accept: application/vnd.docker.distribution.manifest.v2+json";
  const text = await output("wrk", ["-t1", "-c32", `-d${seconds}s`, "-H", accept, url + target]);
  const ticks = (await cpuTicks(pid)) - before;
  const [, requests = ""] = /(\d+) requests in/.exec(text) ?? [];
  if (requests === "" || /Non-2xx/.test(text)) throw new Error(`wrk: ${text}`);
  const count = Number(requests);
  return { perSecond: count / seconds, cpuMs: (ticks / ticksPerSecond / count) * 1000 };
}

/** User and system time of the process and its children, in clock ticks. */
async function cpuTicks(pid: number): Promise<number> {
  const stats = await Promise.all(
    processTree(pid).map((one) => readFile(`/proc/${one}/stat`, "utf8")),
  );
  const fields = stats.map((stat) => stat.slice(stat.lastIndexOf(")") + 2).split(" "));
  return fields.reduce((sum, field) => sum + Number(field[11]) + Number(field[12]), 0);
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
}

function print(title: string, [ours, theirs]: readonly Figure[]): void {
  if (!ours || !theirs) return;
  const line = (name: string, { perSecond, cpuMs }: Figure): string =>
    `  ${name.padEnd(16)} ${Math.round(perSecond).toString().padStart(7)}/s  ${cpuMs.toFixed(3)} ms CPU each\n`;
  process.stdout.write(`${title}\n${line("this", ours)}${line("docker-registry", theirs)}`);
  process.stdout.write(`  ratio ${(ours.perSecond / theirs.perSecond).toFixed(2)}\n`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address ? address.port : 0;
}

await main();
