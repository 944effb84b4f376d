/**
 * Pages of `_catalog` and `tags/list`: a registry with 10,000 names beside small ones (issue "O5").
 *
 * What is compared is a page of as many names in a registry that has no more, asked for in turns over
 * one kept connection each, so that noise meets both. "behind writes": before each page a name is
 * added through the API, to both.
 */
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { Client } from "undici";
import { digestOf } from "../../src/oci/digest.ts";
import { parseRepositoryName } from "../../src/oci/reference.ts";
import { inParallel } from "../../src/registry/in-parallel.ts";
import { openRegistry } from "../../src/registry/registry.ts";
import { FilesystemStore } from "../../src/storage/filesystem-store.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { median, percentile, timed } from "./figures.ts";
import type { Part, Row } from "./part.ts";

const many = 10_000;
const pages = [100, 1000] as const;
const most = 5;

/** A registry with this many repositories, and this many tags in one. */
interface Stocked {
  readonly size: number;
  readonly server: ServerProcess;
  readonly client: Client;
}

interface Kind {
  readonly title: string;
  readonly path: string;
  /** In the order of listings, in a registry of that size. */
  readonly name: (size: number, position: number) => string;
  /** Where a manifest is put to add a name behind another one. */
  readonly behind: (name: string) => string;
}

const kinds: readonly Kind[] = [
  {
    title: "_catalog",
    path: "/v2/_catalog",
    name: repositoryName,
    behind: (name) => `/v2/${name}-${unique()}/manifests/first`,
  },
  {
    title: "tags/list",
    path: "/v2/tagged/many/tags/list",
    name: (_, position) => tagName(position),
    behind: (name) => `/v2/tagged/many/manifests/${name}-${unique()}`,
  },
];

export const listingPages: Part = {
  name: "listings",
  title: `Pages of ${many} names, beside pages of registries that have no more`,
  needs: [],
  async *run(scratch, { rounds, short }) {
    const samples = short ? 200 : 600;
    const stocked: Stocked[] = [];
    try {
      for (const size of [...pages, many]) stocked.push(await stock(scratch, size));
      const large = withSize(stocked, many);
      for (const kind of kinds) {
        for (const n of pages) {
          const small = withSize(stocked, n);
          for (const [place, last] of positions(n)) {
            const runs = await repeated(rounds, () =>
              alternate(kind, n, last, small, large, samples),
            );
            yield rowOf(`${kind.title}?n=${n}, ${place} page`, runs);
          }
          const runs = await repeated(rounds, () =>
            behindWrites(kind, n, small, large, samples / 4),
          );
          yield rowOf(`${kind.title}?n=${n}, behind writes`, runs);
        }
      }
    } finally {
      for (const { client, server } of stocked) {
        await client.close();
        await server.stop();
      }
    }
  },
};

/** Where the pages begin in the large registry. */
function positions(n: number): [place: string, last: number | undefined][] {
  return [
    ["first", undefined],
    ["middle", many / 2],
    ["last", many - n - 1],
  ];
}

interface Times {
  readonly small: readonly number[];
  readonly large: readonly number[];
}

async function alternate(
  kind: Kind,
  n: number,
  last: number | undefined,
  small: Stocked,
  large: Stocked,
  samples: number,
): Promise<Times> {
  const times = { small: [] as number[], large: [] as number[] };
  for (let sample = 0; sample < samples; sample += 1) {
    times.small.push(await timed(() => page(small, kind, n)));
    times.large.push(await timed(() => page(large, kind, n, last)));
  }
  return times;
}

async function behindWrites(
  kind: Kind,
  n: number,
  small: Stocked,
  large: Stocked,
  samples: number,
): Promise<Times> {
  const times = { small: [] as number[], large: [] as number[] };
  for (let sample = 0; sample < samples; sample += 1) {
    for (const [stocked, into, last] of [
      [small, times.small, undefined],
      [large, times.large, many / 2],
    ] as const) {
      const name = kind.name(stocked.size, sample % stocked.size);
      await putManifest(stocked.client, kind.behind(name));
      into.push(await timed(() => page(stocked, kind, n, last)));
    }
  }
  return times;
}

async function page({ client }: Stocked, kind: Kind, n: number, last?: number): Promise<void> {
  const from = last === undefined ? "" : `&last=${encodeURIComponent(kind.name(many, last))}`;
  const { statusCode, body } = await client.request({
    method: "GET",
    path: `${kind.path}?n=${n}${from}`,
  });
  const listed = (await body.json()) as { repositories?: string[]; tags?: string[] };
  const { length } = listed.repositories ?? listed.tags ?? [];
  if (statusCode !== 200 || length !== n) throw new Error(`${statusCode}, ${length} names`);
}

async function repeated(rounds: number, run: () => Promise<Times>): Promise<Times[]> {
  const all: Times[] = [];
  for (let round = 0; round < rounds; round += 1) all.push(await run());
  return all;
}

function rowOf(workload: string, runs: readonly Times[]): Row {
  const of = (times: keyof Times, percent: number): number =>
    median(runs.map((run) => percentile(run[times], percent)));
  return {
    workload,
    figures: {
      "times p50": of("large", 50) / of("small", 50),
      "times p99": of("large", 99) / of("small", 99),
      "ms p50": of("large", 50),
      "ms p99": of("large", 99),
      "ms p50 small": of("small", 50),
      "ms p99 small": of("small", 99),
    },
    target: { figure: "times p99", atMost: most },
    floor: { figure: "times p99", atMost: most },
  };
}

/** Names go into the store as the registry writes them; through the API it would take minutes. */
async function stock(scratch: string, size: number): Promise<Stocked> {
  const directory = path.join(scratch, String(size));
  await mkdir(directory);
  await (await ServerProcess.start({ directory })).stop();
  const registry = openRegistry(await FilesystemStore.open(path.join(directory, "data")), {
    manifestLimit: 0,
    uploadLifeMs: 0,
  });
  const positions = Array.from({ length: size }, (_, position) => position);
  const tagged = parseRepositoryName("tagged/many");
  const digest = digestOf(manifest);
  await inParallel(positions, 64, async (position) => {
    await registry.repositories.add(parseRepositoryName(repositoryName(size, position)));
    await registry.tags.write(tagged, tagName(position), digest);
  });
  const server = await ServerProcess.start({ directory });
  const client = new Client(server.url, {
    connect: { ca: await readFile(server.developmentCaFile, "utf8") },
  });
  await pushConfig(client);
  await putManifest(client, `/v2/tagged/many/manifests/${tagName(0)}`);
  return { size, server, client };
}

const config = Buffer.from("{}");
const type = "application/vnd.oci.image.manifest.v1+json";
const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: type,
    config: {
      mediaType: "application/vnd.oci.empty.v1+json",
      digest: digestOf(config),
      size: config.byteLength,
    },
    layers: [],
  }),
);

async function pushConfig(client: Client): Promise<void> {
  const to = `/v2/tagged/many/blobs/uploads/?digest=${encodeURIComponent(digestOf(config))}`;
  const { statusCode, body } = await client.request({ method: "POST", path: to, body: config });
  await body.dump();
  if (statusCode !== 201) throw new Error(`blob: ${statusCode}`);
}

async function putManifest(client: Client, to: string): Promise<void> {
  const headers = { "content-type": type };
  const put = { method: "PUT", path: to, headers, body: manifest } as const;
  const { statusCode, body } = await client.request(put);
  const text = await body.text();
  if (statusCode !== 201) throw new Error(`${to}: ${statusCode} ${text}`);
}

/** As in a company: some teams with many applications each. */
function repositoryName(size: number, position: number): string {
  const perTeam = Math.ceil(size / 50);
  const [team, app] = [Math.floor(position / perTeam), position % perTeam];
  return `team-${String(team).padStart(2, "0")}/app-${String(app).padStart(4, "0")}`;
}

function tagName(position: number): string {
  return `v1.${String(position).padStart(5, "0")}`;
}

let last = 0;

function unique(): string {
  last += 1;
  return last.toString(36);
}

function withSize(stocked: readonly Stocked[], size: number): Stocked {
  const found = stocked.find((one) => one.size === size);
  if (!found) throw new Error(`no registry of ${size}`);
  return found;
}
