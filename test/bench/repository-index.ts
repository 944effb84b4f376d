/** `/repo` of 1,200 packages: built, sent to 64 clients, found unchanged, and with one package more. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { bundleBytes, smallImage } from "../fixtures/bundle.ts";
import { output } from "../fixtures/program.ts";
import { type Contender, startOurs } from "./contenders.ts";
import { curlText } from "./curl.ts";
import { cpuSeconds, median, timed } from "./figures.ts";
import { numberedBundle, packageName, writeOutPackages } from "./many-packages.ts";
import type { Bound, Effort, Part, Row } from "./part.ts";
import { wrkGet } from "./wrk.ts";

const packages = 1200;
const connections = 64;
const warmUpSeconds = 6;
const accept = "Accept: application/vnd.dcos.universe.repo+json;charset=utf-8;version=v5";
const gzip = "Accept-Encoding: gzip";

export const repositoryIndex: Part = {
  name: "repo",
  title: `/repo with ${packages} packages`,
  needs: ["wrk", "curl"],
  async *run(scratch, effort) {
    const storage = path.join(scratch, "data");
    await writeOutPackages(storage, packages);
    yield await firstBuild(scratch, effort);
    const server = await startOurs(scratch, effort);
    try {
      const headers = [accept, gzip];
      const tag = await entityTag(server, headers);
      yield await rate("gzip", server, headers, effort, 2000);
      yield await rate("plain", server, [accept], effort);
      yield await rate("304", server, [...headers, `If-None-Match: ${tag}`], effort);
      yield await added(scratch, server, effort.short ? 3 : 7);
    } finally {
      await server.stop();
    }
  },
};

async function firstBuild(scratch: string, { rounds, workers }: Effort): Promise<Row> {
  const times: number[] = [];
  let bytes = 0;
  for (let round = 0; round < rounds; round += 1) {
    const server = await startOurs(scratch, { workers });
    try {
      // The connection, the certificate and the first lines of code are no part of the build.
      await curlText(server, "/v2/");
      times.push(
        await timed(async () => {
          bytes = Buffer.byteLength(await curlText(server, "/repo", [accept]));
        }),
      );
    } finally {
      await server.stop();
    }
  }
  return {
    workload: "first build and answer",
    figures: { ms: median(times), "KiB of JSON": bytes / 1024 },
    raw: { this: times.map((ms) => ({ ms })) },
    target: { figure: "ms", atMost: 2000 },
    floor: { figure: "ms", atMost: 10_000 },
  };
}

async function rate(
  kind: string,
  server: Contender,
  headers: readonly string[],
  { rounds, seconds }: Effort,
  atLeast?: number,
): Promise<Row> {
  const runs: { rate: number; cpu: number }[] = [];
  // Every serving process has an index of its own, which takes seconds where processors are slow.
  await wrkGet(server, "/repo", { connections, seconds: warmUpSeconds, headers });
  for (let round = 0; round < rounds; round += 1) {
    const before = await cpuSeconds(server.pid);
    const done = await wrkGet(server, "/repo", { connections, seconds, headers });
    const used = (await cpuSeconds(server.pid)) - before;
    runs.push({ rate: done.units / done.seconds, cpu: (used / done.units) * 1000 });
  }
  const bound = (least: number): Bound => ({ figure: "/s", atLeast: least });
  return {
    workload: `warm, ${kind}, ${connections} clients`,
    figures: {
      "/s": median(runs.map((run) => run.rate)),
      "ms CPU": median(runs.map(({ cpu }) => cpu)),
    },
    raw: { this: runs },
    ...(atLeast !== undefined && { target: bound(atLeast), floor: bound(atLeast / 40) }),
  };
}

async function entityTag({ url, ca }: Contender, headers: readonly string[]): Promise<string> {
  const said = headers.flatMap((header) => ["-H", header]);
  const text = await output("curl", ["-sI", "--cacert", ca, ...said, `${url}/repo`]);
  const [, tag = ""] = /^etag: (\S+)/im.exec(text) ?? [];
  if (tag === "") throw new Error(`/repo has no ETag: ${text}`);
  return tag;
}

/** From the acknowledgement of an addition to the end of an answer that shows the package. */
async function added(scratch: string, server: Contender, samples: number): Promise<Row> {
  const image = await smallImage("shared");
  const times: { add: number; visible: number }[] = [];
  for (let sample = 0; sample < samples; sample += 1) {
    const number = packages + sample;
    const file = path.join(scratch, "added.dcos");
    await writeFile(file, await bundleBytes(await numberedBundle(number, image)));
    const add = await timed(() => post(server, "/package/add", file));
    const visible = await timed(async () => {
      const text = await curlText(server, "/repo", [accept]);
      if (!text.includes(packageName(number))) throw new Error("an added package is not in /repo");
    });
    times.push({ add, visible });
  }
  return {
    workload: "an added package is visible",
    figures: {
      "ms after the answer": median(times.map(({ visible }) => visible)),
      "ms to add": median(times.map(({ add }) => add)),
    },
    raw: { this: times },
    target: { figure: "ms after the answer", atMost: 1000 },
    floor: { figure: "ms after the answer", atMost: 5000 },
  };
}

async function post({ url, ca }: Contender, target: string, file: string): Promise<void> {
  const sent = ["--data-binary", `@${file}`, "-H", "Content-Type: application/octet-stream"];
  await output("curl", ["-sSf", "--cacert", ca, "-o", "/dev/null", ...sent, url + target]);
}
