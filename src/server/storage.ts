/**
 * The configured storage, opened for this process, once it is certain that it may be used.
 *
 * The process that was started claims it for all: the lock of a directory, the probe of a bucket, the
 * document that says whose it is. Its workers join.
 */
import type { Logger } from "pino";
import type { BucketConfig, Config } from "../config.ts";
import type { HealthCheck } from "../http/health-routes.ts";
import { isListed, layout } from "../registry/layout.ts";
import { expectWhole } from "../registry/migration/move-state.ts";
import type { Memory } from "../storage/document-changes.ts";
import { Documents } from "../storage/documents.ts";
import { FilesystemStore } from "../storage/filesystem-store.ts";
import { claimFormat, StorageRefused } from "../storage/format.ts";
import type { ObjectStore, UnfinishedUploads } from "../storage/object-store.ts";
import { lockDirectory } from "../storage/owner-lock.ts";
import { announcePresence } from "../storage/presence.ts";
import type { OpenedS3 } from "../storage/s3/open-s3.ts";
import { nameOf } from "./bucket-name.ts";
import { systemMs } from "./change-hub.ts";
import { type Coordination, coordinationCheck } from "./storage-health.ts";
import { exposeCoordination } from "./storage-metrics.ts";

export interface Storage {
  readonly store: ObjectStore;
  /** Whether nothing is ever written to it, so that no room is needed. */
  readonly fixed?: boolean;
  /**
   * Whether it is no disk of this machine: other servers may change it, a write may land after it
   * has failed, and reads are worth sharing.
   */
  readonly distant: boolean;
  /** What it remembers itself and has to doubt when documents change. */
  readonly memories?: readonly Memory[];
  /** What dead processes have left in it, beside objects. */
  readonly unfinished?: UnfinishedUploads;
  readonly check: HealthCheck;
  /** Gives it free for others. */
  end(): Promise<void>;
}

interface Opened {
  readonly store: ObjectStore;
  readonly memories?: readonly Memory[];
  readonly unfinished?: UnfinishedUploads;
  readonly coordination: Coordination;
  end(): Promise<void>;
}

/** @throws {StorageRefused | StorageInUse | StoreUnavailable} */
export async function claimStorage(config: Config, log: Logger): Promise<Storage> {
  const opened = await (config.s3 ? claimBucket(config.s3, config, log) : claimDirectory(config));
  try {
    return await identified(opened, config);
  } catch (error) {
    await opened.end();
    throw error;
  }
}

/** In a worker: its parent has claimed the storage. */
export async function joinStorage(config: Config, log: Logger): Promise<Storage> {
  return identified(
    await (config.s3 ? joinBucket(config.s3, config, log) : joinDirectory(config)),
    config,
  );
}

async function identified(opened: Opened, config: Config): Promise<Storage> {
  const { store, coordination, memories, unfinished, end } = opened;
  const documents = new Documents(store);
  await expectWhole(documents);
  const format = await claimFormat(documents, layout.format, {
    service: config.serviceName,
    adopt: config.adoptStorage,
    readOnly: config.readOnly,
  });
  exposeCoordination(coordination);
  const distant = coordination.kind !== "directory";
  const check = coordinationCheck(coordination, format);
  return {
    store,
    distant,
    ...(memories && { memories }),
    ...(unfinished && { unfinished }),
    check,
    end,
  };
}

async function claimDirectory({ storage }: Config): Promise<Opened> {
  const store = await FilesystemStore.open(storage);
  const release = await lockDirectory(storage);
  await store.sweepStaging();
  return openedDirectory(store, release);
}

async function joinDirectory({ storage }: Config): Promise<Opened> {
  return openedDirectory(await FilesystemStore.open(storage), async () => undefined);
}

/** Nobody but this server changes it, so lists can be made from memory. */
function openedDirectory(store: FilesystemStore, end: () => Promise<void>): Opened {
  const memories = [store.rememberNames(isListed, systemMs)];
  return { store, memories, coordination: { kind: "directory" }, end };
}

async function claimBucket(s3: BucketConfig, config: Config, log: Logger): Promise<Opened> {
  const opened = await openBucket(s3, config, log, true);
  if (opened.coordination.kind === "compare-and-swap") return opened;
  try {
    const leave = await beAlone(opened, s3, config, log);
    return {
      ...opened,
      end: async () => {
        await leave();
        await opened.end();
      },
    };
  } catch (error) {
    await opened.end();
    throw error;
  }
}

function joinBucket(s3: BucketConfig, config: Config, log: Logger): Promise<Opened> {
  return openBucket(s3, config, log, false);
}

async function openBucket(
  s3: BucketConfig,
  config: Config,
  log: Logger,
  overlap: boolean,
): Promise<Opened> {
  // Loading the client takes as long as all the rest of a start: only who needs it waits for it.
  const { openS3 } = await import("../storage/s3/open-s3.ts");
  const { bucketOptions } = await import("./bucket.ts");
  const options = await bucketOptions(s3, config, log);
  const opened = await openS3(options, config.readOnly ? "none" : { overlap });
  const { store, connection } = opened;
  const end = async (): Promise<void> => connection.close();
  return { store, unfinished: store, coordination: coordinationOf(opened), end };
}

function coordinationOf({ verdict }: OpenedS3): Coordination {
  return verdict.arbitrates
    ? { kind: "compare-and-swap" }
    : { kind: "local-only", failedStep: verdict.failedStep };
}

/** On a store that cannot arbitrate one process alone may write. */
async function beAlone(
  { store, coordination }: Opened,
  s3: BucketConfig,
  config: Config,
  log: Logger,
): Promise<() => Promise<void>> {
  const step = coordination.kind === "local-only" ? coordination.failedStep : "";
  const place = nameOf(s3);
  log.warn({ step }, `${place} cannot arbitrate between writers: this process alone may write`);
  if (config.workers > 1) throw refusal(place, step, "--workers must be 1");
  if (s3.unsafeSingleWriter) return async () => undefined;
  if (config.instances > 1) throw refusal(place, step, "--service-instances must be 1");
  return announcePresence(store, new Documents(store), layout.instances, {
    onError: (error) => log.error({ err: error }, "this server may not be alone on its bucket"),
  });
}

function refusal(place: string, step: string, consequence: string): StorageRefused {
  return new StorageRefused(`${place} cannot arbitrate between writers (${step}): ${consequence}`);
}
