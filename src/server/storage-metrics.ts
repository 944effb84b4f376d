/** What the storage does and how much room it has, as metrics. CONTRIBUTING.md lists their names. */
import { Counter, Gauge, Histogram, register } from "prom-client";
import {
  type CollectorStatus,
  reclaimableBytes,
} from "../registry/collector/garbage-collection.ts";
import type { ScrubState } from "../registry/scrub/scrub-journal.ts";
import type { Quota, QuotaState } from "../registry/usage/quota.ts";
import type { DiskRoom, DiskState } from "../storage/disk-room.ts";
import type { StoreObserver } from "../storage/measured-store.ts";
import type { S3Operation } from "../storage/s3/s3-options.ts";
import { defineGauge } from "./metrics.ts";
import type { Coordination } from "./storage-health.ts";

const operations = new Histogram({
  name: "dcos_registry_storage_operation_duration_seconds",
  help: "Operations on the storage by kind and outcome; reads until their first byte, writes of data from the first byte to the commit",
  labelNames: ["operation", "outcome"],
  buckets: [0.0005, 0.002, 0.01, 0.05, 0.25, 1, 5, 30],
});

const bytesRead = new Counter({
  name: "dcos_registry_storage_read_bytes_total",
  help: "Bytes that came from the storage",
});

const bytesWritten = new Counter({
  name: "dcos_registry_storage_written_bytes_total",
  help: "Bytes that were given to the storage",
});

/** The `outcome` tells answers (done, absent, conflict) from failures (full, unavailable, …). */
export const storageMetrics: StoreObserver = {
  operation: (operation, outcome, seconds) => operations.observe({ operation, outcome }, seconds),
  read: (bytes) => bytesRead.inc(bytes),
  written: (bytes) => bytesWritten.inc(bytes),
};

const s3Requests = new Counter({
  name: "dcos_registry_s3_requests_total",
  help: "Requests to the bucket by operation, repetitions included",
  labelNames: ["operation"],
});

const s3Retries = new Counter({
  name: "dcos_registry_s3_retries_total",
  help: "Requests to the bucket that repeated one without a good answer",
  labelNames: ["operation"],
});

export function observeS3({ name: operation, attempts }: S3Operation): void {
  s3Requests.inc({ operation }, attempts);
  if (attempts > 1) s3Retries.inc({ operation }, attempts - 1);
}

/** All workers look at the same disk. */
export function exposeDisk(room: DiskRoom): void {
  const figure = (name: string, help: string, of: (state: DiskState) => number): void =>
    defineGauge(`dcos_registry_storage_${name}`, help, "min", async () => of(await room.state()));
  figure("free_bytes", "Bytes that are free on the disk", ({ free }) => free);
  figure("size_bytes", "Bytes of the disk", ({ total }) => total);
  figure("floor_bytes", "Bytes that pushes and additions leave free", ({ floor }) => floor);
  figure("free_inodes", "Files that the disk has room for", ({ freeFiles }) => freeFiles);
  defineGauge(
    "dcos_registry_storage_full",
    "1 while pushes and additions are refused for want of room, 0.5 while that is near, else 0",
    "max",
    async () => ({ enough: 0, low: 0.5, full: 1 })[(await room.state()).level],
  );
}

/** Each worker knows its own writes at once, those of the others a second later. */
export function exposeQuota(quota: Pick<Quota, "state">): void {
  const figure = (name: string, help: string, of: (state: QuotaState) => number): void =>
    defineGauge(`dcos_registry_quota_${name}`, help, "max", async () => {
      const state = await quota.state().catch(() => undefined); // the other figures still tell
      return state && of(state);
    });
  figure("bytes", "Bytes that may be stored in all", ({ quota: bytes }) => bytes);
  figure(
    "used_bytes",
    "Bytes that are stored, as the last count and writers since tell",
    (state) => {
      return state.used;
    },
  );
  figure(
    "full",
    "1 while pushes and additions are refused for want of quota, 0.5 from nine tenths on, else 0",
    ({ level }) => ({ enough: 0, low: 0.5, full: 1 })[level],
  );
}

/** How writers are kept apart, as the probe of a bucket has found. */
export function exposeCoordination(coordination: Coordination): void {
  const name = "dcos_registry_storage_coordination";
  register.removeSingleMetric(name);
  new Gauge({
    name,
    help: "1 for the way in which writers are kept apart: directory, compare-and-swap, or local-only with the step of the probe that failed",
    labelNames: ["mode", "failed_step"],
    aggregator: "max",
  }).set(
    {
      mode: coordination.kind,
      failed_step: coordination.kind === "local-only" ? coordination.failedStep : "",
    },
    1,
  );
}

/** All workers ask the same journal. */
export function exposeScrub(status: () => Promise<ScrubState>): void {
  const figure = (
    name: string,
    help: string,
    of: (state: ScrubState) => number | undefined,
  ): void =>
    defineGauge(`dcos_registry_scrub_${name}`, help, "max", async () => of(await status()));
  figure("damaged", "Blobs and documents that are damaged and not healed", (state) => {
    return state.damages.length;
  });
  figure("running", "1 while all that is stored is being verified, else 0", ({ runner }) =>
    runner ? 1 : 0,
  );
  figure("verified_bytes", "Bytes that the pass which goes on has verified", ({ position }) => {
    return position?.counts.bytes;
  });
  figure("content_bytes", "Bytes of all blobs, as the last whole pass counted them", ({ last }) => {
    return last?.counts.bytes;
  });
  figure("finished_timestamp_seconds", "End of the last whole pass, since 1970", ({ last }) => {
    return last && Date.parse(last.finishedAt) / 1000;
  });
}

/** The collector of the whole server, which every worker asks. */
export function exposeCollection(status: () => Promise<CollectorStatus>): void {
  const figure = (
    name: string,
    help: string,
    of: (status: CollectorStatus) => number | undefined,
  ): void => defineGauge(`dcos_registry_gc_${name}`, help, "max", async () => of(await status()));
  const states = { off: -1, waiting: 0, running: 1 } as const;
  figure("state", "Collector: 1 while a cycle runs, 0 between two, -1 when it is off", (now) => {
    return states[now.state];
  });
  figure("cycles", "Cycles of the collector since the server was started", ({ cycles }) => cycles);
  figure("failed", "1 when the last cycle did not come to its end, else 0", ({ last }) => {
    return last && (last.error === undefined ? 0 : 1);
  });
  figure("reclaimable_bytes", "Bytes that the next cycles may free", reclaimableBytes);
  figure("stored_bytes", "Bytes of all content, as the last cycle counted them", ({ last }) => {
    return last?.report.phase === "over" ? last.report.storedBytes : undefined;
  });
  figure("collected_bytes", "Bytes that the last cycle has freed", ({ last }) => {
    return last?.report.collectedBytes;
  });
}
