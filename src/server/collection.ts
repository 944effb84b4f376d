/**
 * The one collector of a server: in the process itself, or in the parent of its workers, which serves
 * nothing and so keeps nobody waiting.
 */
import type { Logger } from "pino";
import { CatalogRoots } from "../catalog/catalog-roots.ts";
import type { Config } from "../config.ts";
import { Collector, ListingUnreliable } from "../registry/collector/collector.ts";
import { CollectorLoop } from "../registry/collector/collector-loop.ts";
import type { CollectorAges } from "../registry/collector/cycle.ts";
import {
  type EndedCycle,
  type GarbageCollection,
  NoCollection,
} from "../registry/collector/garbage-collection.ts";
import { Pace } from "../registry/collector/pace.ts";
import { FreezableStore } from "../registry/migration/freezable-store.ts";
import { changesOfCached } from "../registry/registry.ts";
import { Documents } from "../storage/document.ts";
import type { DocumentChanges } from "../storage/document-changes.ts";
import { MeasuredStore } from "../storage/measured-store.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import type { Storage } from "./storage.ts";
import { storageMetrics } from "./storage-metrics.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

export interface ServerCollection {
  readonly collection: GarbageCollection;
  start(): void;
  /** Ends the cycle that runs, too. */
  stop(): Promise<void>;
}

export interface CollectedStorage {
  /** Not limited by the free-space floor: the last blocks of a disk are for deleting. */
  readonly storage: Pick<Storage, "store">;
  /** Told of what the collector changes, for those who answer from memory. */
  readonly changes: DocumentChanges;
}

export function createCollection(
  config: Config,
  collected: CollectedStorage,
  log: Logger,
): ServerCollection {
  const off = reasonForNone(config, collected.storage.store);
  if (off !== undefined) {
    log.info({ reason: off }, "garbage collection is off");
    const nothing = { start: () => undefined, stop: async () => undefined };
    return { collection: new NoCollection(off), ...nothing };
  }
  const loop = createLoop(config, collected, log);
  return { collection: loop, start: () => loop.start(), stop: () => loop.stop() };
}

function reasonForNone({ gc, readOnly }: Config, store: ObjectStore): string | undefined {
  if (!gc.enabled) return "the configuration says so";
  if (readOnly) return "this registry is read-only";
  return store.listsEveryKey ? undefined : new ListingUnreliable().message;
}

function createLoop(
  config: Config,
  { storage, changes }: CollectedStorage,
  log: Logger,
): CollectorLoop {
  const { gc, packages } = config;
  const store = new FreezableStore(new MeasuredStore(storage.store, storageMetrics));
  const documents = new Documents(store, changesOfCached(changes));
  const roots = new CatalogRoots(documents, { retainMs: packages.retainDays * dayMs });
  const collector = new Collector(store, documents, {
    ages: agesOf(config),
    roots: [roots],
    owner: roots,
    pace: new Pace({ perSecond: gc.requestsPerSecond }),
    onFailure: (error) => log.warn({ err: error }, "not collected, left for later"),
  });
  const pauseMs = gc.testMs === undefined ? gc.intervalMinutes * minuteMs : gc.testMs / 20;
  return new CollectorLoop(collector, { pauseMs, onCycle: (cycle) => logCycle(log, cycle) });
}

function agesOf({ gc, upload }: Config): CollectorAges {
  const { testMs } = gc;
  const uploadLifeMs = testMs ?? upload.expiryHours * hourMs;
  return {
    graceMs: testMs ?? gc.graceHours * hourMs,
    settleMs: testMs === undefined ? gc.settleMinutes * minuteMs : testMs / 20,
    orphanMs: testMs ?? Math.max(gc.orphanHours * hourMs, uploadLifeMs),
    uploadLifeMs,
  };
}

function logCycle(log: Logger, { error, report, dryRun }: EndedCycle): void {
  if (error !== undefined) log.error({ err: error, report }, "garbage collection did not finish");
  else log.info({ report, dryRun }, "garbage collection");
}
