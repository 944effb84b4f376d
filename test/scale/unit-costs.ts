/**
 * What one act of a client, or one cycle of the collector, asks of the store: counted on the real code.
 *
 * Costs that grow with what is stored are counted at two sizes, so that the model has a slope. An
 * image here is a manifest, a config and two layers: four blobs, one of them too large for a record.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { PackageCatalog } from "../../src/catalog/package-catalog.ts";
import { Collector } from "../../src/registry/collector/collector.ts";
import { openRegistry, type Registry } from "../../src/registry/registry.ts";
import { StoredCount } from "../../src/registry/usage/count-stored.ts";
import { DocumentCache } from "../../src/storage/document-cache.ts";
import { Documents } from "../../src/storage/documents.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { makeBundle, smallImage } from "../fixtures/bundle.ts";
import { type ImageParts, imageOf, pushImage, repository } from "../registry/content.ts";
import { collect } from "../storage/bytes.ts";
import { type Asked, CountedStore } from "./counted-store.ts";

const options = { manifestLimit: 1024 * 1024, uploadLifeMs: 3_600_000 };
const { signal } = new AbortController();
const dayMs = 24 * 3_600_000;

export const blobsOfImage = 4;
export const layersOfImage = 2;

/** What grows by so much with each blob that is stored. */
export interface Growing {
  readonly fixed: number;
  readonly perBlob: number;
}

export interface UnitCosts {
  /** Of an image of `blobsOfImage`, by a process that remembers nothing. */
  readonly coldPull: Asked;
  /** By one that remembers all: what is left are bytes. */
  readonly warmPull: Asked;
  /** By one whose memory is older than two seconds. */
  readonly revalidatingPull: Asked;
  readonly push: Asked;
  readonly pushAgain: Asked;
  /** Of a package with one image and one file, to a catalogue of few. */
  readonly add: Asked;
  /** What each package in the catalogue adds to the bytes that an addition writes. */
  readonly addBytesPerPackage: number;
  /** Of a collector that has just been started, and of one that has seen everything before. */
  readonly firstCycle: Growing;
  readonly laterCycle: Growing;
  /** Bytes that a collector remembers between two cycles. */
  readonly collectorMemory: Growing;
}

/**
 * How many images two registries hold whose collectors are compared. Below 250 all that a collector
 * lists is one page, and the model does not see that lists grow.
 */
export type Sizes = readonly [small: number, large: number];

export async function measureUnitCosts(sizes: Sizes): Promise<UnitCosts> {
  const { add, addBytesPerPackage } = await additions();
  return {
    ...(await pulls()),
    ...(await pushes()),
    add,
    addBytesPerPackage,
    ...(await cycles(sizes)),
  };
}

async function pulls(): Promise<Pick<UnitCosts, "coldPull" | "warmPull" | "revalidatingPull">> {
  const memory = new MemoryStore();
  const image = imageOf(1);
  await pushImage(openRegistry(memory, options), image, ["1"]);
  let nowMs = 0;
  const store = new CountedStore(memory);
  // As for a bucket: documents are looked at again after a while, contents after a minute.
  const cache = new DocumentCache({ maxAgeMs: 1500, lastingAgeMs: 60_000, clock: () => nowMs });
  cache.trustUntil(Number.POSITIVE_INFINITY);
  const registry = openRegistry(store, options, { cache, changes: cache });
  const pull = () => store.during(() => pullImage(registry, image));
  const coldPull = await pull();
  const warmPull = await pull();
  nowMs += 2000;
  return { coldPull, warmPull, revalidatingPull: await pull() };
}

/** The steps of `http/v2/manifests.ts` and `blobs.ts`. */
async function pullImage(registry: Registry, { config, layers }: ImageParts): Promise<void> {
  const { digest } = await registry.manifests.find(repository, { tag: "1" });
  await registry.manifests.bytes(digest);
  for (const { digest: wanted } of [config, ...layers]) {
    if (await registry.hidden.has(repository, wanted)) throw new Error(`${wanted} is hidden`);
    const blob = await registry.blobs.open(wanted);
    if (blob.inline === undefined) await collect(await registry.blobs.stream(wanted));
  }
}

async function pushes(): Promise<Pick<UnitCosts, "push" | "pushAgain">> {
  const store = new CountedStore(new MemoryStore());
  const registry = openRegistry(store, options);
  await pushImage(registry, imageOf(0), ["0"]);
  const image = imageOf(1);
  const push = await store.during(() => pushImage(registry, image, ["1"]));
  // As clients do, who ask for each blob first.
  const pushAgain = await store.during(async () => {
    for (const { digest } of [image.config, ...image.layers]) await registry.blobs.require(digest);
    await registry.manifests.put(repository, image.manifest, ["1"]);
  });
  return { push, pushAgain };
}

async function additions(): Promise<Pick<UnitCosts, "add" | "addBytesPerPackage">> {
  const store = new CountedStore(new MemoryStore());
  const catalog = new PackageCatalog(openRegistry(store, options));
  const image = await smallImage("shared");
  const add = async (number: number): Promise<Asked> => {
    const images = { "docker.io/acme/main:1": image };
    const bundle = await makeBundle({ name: `package-${number}`, images });
    return store.during(() => catalog.ingest(bundle.stream(), signal));
  };
  const few = 2;
  const many = 42;
  let first: Asked | undefined;
  let last: Asked | undefined;
  for (let number = 0; number <= many; number += 1) {
    last = await add(number);
    if (number === few) first = last;
  }
  if (!first || !last) throw new Error("nothing was added");
  return {
    add: first,
    addBytesPerPackage: (last.bytesWritten - first.bytesWritten) / (many - few),
  };
}

async function cycles(
  sizes: Sizes,
): Promise<Pick<UnitCosts, "firstCycle" | "laterCycle" | "collectorMemory">> {
  const [small, large] = [await cyclesWith(sizes[0]), await cyclesWith(sizes[1])];
  const blobs = (sizes[1] - sizes[0]) * blobsOfImage;
  const growing = (of: (counted: CountedCycles) => number): Growing => {
    const perBlob = (of(large) - of(small)) / blobs;
    return { perBlob, fixed: of(small) - perBlob * sizes[0] * blobsOfImage };
  };
  return {
    firstCycle: growing(({ first }) => first.requests),
    laterCycle: growing(({ later }) => later.requests),
    collectorMemory: growing(({ memory }) => memory),
  };
}

interface CountedCycles {
  readonly first: Asked;
  readonly later: Asked;
  readonly memory: number;
}

/** Of a registry in which everything is referenced, as nearly everything is. */
export async function cyclesWith(images: number): Promise<CountedCycles> {
  const store = new CountedStore(new MemoryStore());
  const registry = openRegistry(store, options);
  for (let seed = 0; seed < images; seed += 1) {
    await pushImage(registry, imageOf(seed), [String(seed)]);
  }
  const start = (): Collector =>
    new Collector(store, new Documents(store), {
      ages: { graceMs: dayMs, settleMs: dayMs, orphanMs: dayMs, uploadLifeMs: dayMs },
      count: new StoredCount(store),
    });
  // The store in memory remembers its listings and revisions, too.
  await start().cycle({ signal });
  const before = heldMemory();
  const collector = start();
  const cycle = () => store.during(() => collector.cycle({ signal }));
  const first = await cycle();
  await cycle();
  const later = await cycle();
  return { first, later, memory: heldMemory() - before };
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes that somebody refers to. */
function heldMemory(): number {
  for (let time = 0; time < 3; time += 1) collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
