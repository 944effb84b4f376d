/**
 * What an installation of any size asks of its store, its processors and its network.
 *
 * Unit costs are measured (`unit-costs.ts`, and processor time by `npm run bench`); this multiplies
 * them. It leaves out what the real thing adds: failures, repetitions, other tenants of the store.
 */
import type { Growing, UnitCosts } from "./unit-costs.ts";

/** Of this server in front of a bucket, measured by `npm run bench -- bucket`. */
export interface ProcessorCosts {
  readonly secondsPerManifest: number;
  readonly secondsPerGibibyte: number;
}

export interface Instances {
  readonly count: number;
  /** Serving processes of each; each has a memory and shared reads of its own. */
  readonly workers: number;
  /** Bytes a second that leave each. */
  readonly network: number;
}

export interface PulledImage {
  readonly bytes: number;
  readonly layers: number;
}

export interface Rollout {
  /** Requests to the store when agents pull at one time, and when each pulls alone. */
  readonly requestsTogether: number;
  readonly requestsApart: number;
  readonly processorSeconds: number;
  readonly bytes: number;
  /** Of the instances' networks, and of their processors: the longer one counts. */
  readonly networkSeconds: number;
  readonly processorSecondsEach: number;
}

const gibibyte = 1024 ** 3;
/** Readers look at documents again after that. */
const recheckSeconds = 1.5;

/** Every agent pulls one image that none of them has. */
export function rollout(
  units: UnitCosts,
  { secondsPerManifest, secondsPerGibibyte }: ProcessorCosts,
  { count, workers, network }: Instances,
  { agents, image }: { agents: number; image: PulledImage },
): Rollout {
  const processes = count * workers;
  const bytes = agents * image.bytes;
  // A manifest, a config and the layers: requests that cost about the same without their bytes.
  const answers = agents * (2 + image.layers);
  const processorSeconds = answers * secondsPerManifest + (bytes / gibibyte) * secondsPerGibibyte;
  const networkSeconds = bytes / (network * count);
  const processorSecondsEach = processorSeconds / processes;
  const lasts = Math.max(networkSeconds, processorSecondsEach);
  const rechecks = units.revalidatingPull.requests - units.warmPull.requests;
  const documents = units.coldPull.requests - units.warmPull.requests;
  const remembered = processes * (documents + (rechecks * lasts) / recheckSeconds);
  return {
    requestsTogether: Math.round(remembered + processes * image.layers),
    requestsApart: Math.round(remembered + agents * image.layers),
    processorSeconds,
    bytes,
    networkSeconds,
    processorSecondsEach,
  };
}

export interface CollectorCosts {
  readonly firstRequests: number;
  readonly laterRequests: number;
  /** At the pace that the collector keeps. */
  readonly firstSeconds: number;
  readonly laterSeconds: number;
  readonly memoryBytes: number;
}

export function collection(
  { firstCycle, laterCycle, collectorMemory }: UnitCosts,
  { blobs, requestsPerSecond }: { blobs: number; requestsPerSecond: number },
): CollectorCosts {
  const firstRequests = of(firstCycle, blobs);
  const laterRequests = of(laterCycle, blobs);
  return {
    firstRequests,
    laterRequests,
    firstSeconds: firstRequests / requestsPerSecond,
    laterSeconds: laterRequests / requestsPerSecond,
    memoryBytes: of(collectorMemory, blobs),
  };
}

/** @returns bytes that one addition writes to a catalogue of so many packages */
export function additionBytes({ add, addBytesPerPackage }: UnitCosts, packages: number): number {
  return add.bytesWritten + addBytesPerPackage * packages;
}

function of({ fixed, perBlob }: Growing, blobs: number): number {
  return Math.max(0, fixed + perBlob * blobs);
}
