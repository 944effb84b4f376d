/**
 * Content in a bucket of a real Ceph, beside docker-registry with its S3 driver on the same bucket.
 *
 * Bytes go through both, so docker-registry's redirects to the store are off. Ceph runs on the same
 * processors and keeps its content in memory: what is compared is what a registry adds to it.
 */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { bucketFlags } from "../fixtures/bucket-server.ts";
import { Ceph, cephPrograms } from "../fixtures/ceph.ts";
import { FaultProxy, type ProxiedRequest } from "../fixtures/fault-proxy.ts";
import { S3Bucket } from "../fixtures/s3-bucket.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { commitLatency } from "./commit-latency.ts";
import {
  type Contender,
  type ContenderOptions,
  type Contenders,
  memoryFigures,
  startContenders,
  startOurs,
} from "./contenders.ts";
import { curlGet, curlPush, curlText, PushedFile } from "./curl.ts";
import type { Effort, Part, Row } from "./part.ts";
import { pushImage, type Seeded, seed } from "./seed.ts";
import { inTurns, type Workload } from "./turns.ts";
import { largeGet, largePush, manifestGet } from "./workloads.ts";

const mebibyte = 1024 * 1024;
/** Of this server, in a bucket. */
const partBytes = 8 * mebibyte;
const times = { target: 1.2, floor: 0.15 };

export const onBucket: Part = {
  name: "bucket",
  title: "Content in a bucket of Ceph, beside docker-registry's S3 driver",
  needs: ["docker-registry", "wrk", "curl", ...cephPrograms],
  async *run(scratch, effort) {
    const ceph = await Ceph.start({ gateways: 1 });
    try {
      const bucket = await S3Bucket.create(ceph.place);
      yield* beside(scratch, bucket, effort);
      yield* requests(scratch, bucket);
      await bucket.close();
    } finally {
      await ceph.stop();
    }
  },
};

async function* beside(scratch: string, bucket: S3Bucket, effort: Effort): AsyncGenerator<Row> {
  const contenders = await startContenders(scratch, { ...effort, bucket });
  try {
    const file = await PushedFile.create(scratch, "pushed", 256);
    const seeded = await seed(contenders, file);
    const workloads = [
      manifestGet(seeded, effort, { times: { floor: 2 } }),
      largePush([file], "put", { times }),
      ...largeGets(seeded, effort, " of kept data"),
    ];
    for (const workload of workloads) yield await inTurns(contenders, workload, effort);
    yield* withoutKept(scratch, contenders, seeded, { ...effort, bucket });
    const { ours, theirs } = contenders;
    yield* commitLatency([ours, theirs], {
      mebibytes: effort.short ? [1, 64] : [1, 16, 64, 256],
      samples: effort.short ? 3 : 5,
      times: { target: 2, floor: 8 },
    });
    yield {
      workload: "peak memory over all",
      figures: memoryFigures(contenders),
      floor: { figure: "MiB this", atMost: 500 },
    };
  } finally {
    await contenders.stop();
  }
}

/** Another instance on the same bucket, which fetches all that is pulled from it each time. */
async function* withoutKept(
  scratch: string,
  { theirs }: Pick<Contenders, "theirs">,
  seeded: Seeded,
  effort: Effort & ContenderOptions,
): AsyncGenerator<Row> {
  const directory = path.join(scratch, "keeps-nothing");
  await mkdir(directory);
  const ours = await startOurs(directory, { ...effort, flags: ["--s3-cache-bytes=0"] });
  try {
    for (const workload of largeGets(seeded, effort, " from the bucket")) {
      yield await inTurns({ ours, theirs }, workload, effort);
    }
  } finally {
    await ours.stop();
  }
}

function largeGets(seeded: Seeded, { short }: Effort, what: string): readonly Workload[] {
  return [
    largeGet(seeded, { clients: 1, each: short ? 1 : 2, what }, { times }),
    largeGet(seeded, { clients: 8, each: 1, what }, { times }),
  ];
}

/** Counted by what stands between this server and the store, repetitions and all. */
async function* requests(scratch: string, { place, name }: S3Bucket): AsyncGenerator<Row> {
  const directory = path.join(scratch, "counted");
  await mkdir(directory);
  const proxy = await FaultProxy.start(place.endpoints[0] ?? "");
  const where = { place, bucket: name, path: "counted", endpoint: proxy.url, directory };
  // The requests of one push come to one worker by one connection, but not those of curl.
  const flags = [...(await bucketFlags(where)), "--gc-enabled=false", "--workers=1"];
  const server = await ServerProcess.start({ directory, flags });
  const { url, pid, developmentCaFile: ca } = server;
  const to: Contender = { name: "this", url, pid, ca, stop: () => server.stop() };
  try {
    const file = await PushedFile.create(scratch, "counted-file", 256);
    await pushImage(to, Buffer.from("a layer"));
    for (const form of ["put", "patch"] as const) {
      await file.renew();
      proxy.takeRequests();
      await curlPush(to, [file], form);
      const most = file.size / partBytes + 8;
      yield counted(`256 MiB push by ${form.toUpperCase()}`, proxy.takeRequests(), most);
    }
    const blob = `/v2/bench/large/blobs/${file.digest}`;
    const pull = (clients: number) => curlGet(to, blob, { clients, each: 1, size: file.size });
    await pull(1);
    await curlText(to, "/v2/bench/image/manifests/1");
    proxy.takeRequests();
    await curlText(to, "/v2/bench/image/manifests/1");
    yield counted("manifest by tag, warm", proxy.takeRequests(), 0);
    for (const clients of [1, 8]) {
      await pull(clients);
      const what = clients === 1 ? "pull, warm" : `pulls, warm, ${clients} at once`;
      yield counted(`256 MiB ${what}`, proxy.takeRequests(), clients);
    }
  } finally {
    await to.stop();
    await proxy.close();
  }
}

/** What a server asks by its clock, however much or little it is asked itself. */
const byClock = /\/counted\/(?:scrub|usage|migration\/out)(?:\?|$)/;
/** What a reader remembers and looks at again every other second: not counted by the issue. */
const revalidated = /\/counted\/(?:hidden|tag|link|catalog)(?:\/|\?|$)/;

function counted(what: string, requests: readonly ProxiedRequest[], most: number): Row {
  const caused = requests.filter(({ target }) => !byClock.test(target));
  const again = caused.filter(({ method, target }) => method === "GET" && revalidated.test(target));
  const bound = { figure: "requests", atMost: most };
  return {
    workload: `requests to the store: ${what}`,
    figures: {
      requests: caused.length - again.length,
      wanted: most,
      revalidations: again.length,
      "by the clock": requests.length - caused.length,
    },
    target: bound,
    floor: { figure: "requests", atMost: most + 8 },
  };
}
