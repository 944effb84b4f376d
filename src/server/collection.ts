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
import { CountLoop } from "../registry/usage/count-loop.ts";
import { StoredCount } from "../registry/usage/count-stored.ts";
import { UsageJournal } from "../registry/usage/usage-journal.ts";
import type { DocumentChanges } from "../storage/document-changes.ts";
import { Documents } from "../storage/documents.ts";
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
  readonly storage: Pick<Storage, "store" | "unfinished">;
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
    return { collection: new NoCollection(off), ...countOnly(config, collected, log) };
  }
  const loop = createLoop(config, collected, log);
  return { collection: loop, start: () => loop.start(), stop: () => loop.stop() };
}

/** A quota has to know what is stored, also where nothing is collected. */
function countOnly(
  config: Config,
  { storage }: CollectedStorage,
  log: Logger,
): Pick<ServerCollection, "start" | "stop"> {
  if (config.readOnly || config.limits.quotaBytes === 0) {
    return { start: () => undefined, stop: async () => undefined };
  }
  const store = openStore(storage);
  const loop = new CountLoop(openCount(config, store, new Documents(store)), {
    pauseMs: pauseOf(config),
    perSecond: config.gc.requestsPerSecond,
    onFailure: (error) => log.warn({ err: error }, "what is stored was not counted"),
  });
  return { start: () => loop.start(), stop: () => loop.stop() };
}

function openStore({ store }: Pick<Storage, "store">): ObjectStore {
  return new FreezableStore(new MeasuredStore(store, storageMetrics));
}

/** Only a quota makes anybody ask for the count when the cycle is over. */
function openCount({ limits }: Config, store: ObjectStore, documents: Documents): StoredCount {
  return new StoredCount(store, limits.quotaBytes > 0 ? new UsageJournal(documents) : undefined);
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
  const store = openStore(storage);
  const documents = new Documents(store, changesOfCached(changes));
  const roots = new CatalogRoots(documents, { retainMs: packages.retainDays * dayMs, store });
  const collector = new Collector(store, documents, {
    ages: agesOf(config),
    roots: [roots],
    owner: roots,
    ...(storage.unfinished && { unfinished: storage.unfinished }),
    count: openCount(config, store, documents),
    pace: new Pace({ perSecond: gc.requestsPerSecond }),
    onFailure: (error) => log.warn({ err: error }, "not collected, left for later"),
  });
  const onCycle = (cycle: EndedCycle): void => logCycle(log, cycle);
  const pauseMs = pauseOf(config);
  const delayMs = delayOf(agesOf(config), pauseMs);
  return new CollectorLoop(collector, { pauseMs, onCycle, delayMs });
}

/**
 * One cycle lets go of what held content, the next sees it unreferenced, one behind the settling
 * condemns it, and one behind the grace frees it.
 */
function delayOf({ settleMs, graceMs }: CollectorAges, pauseMs: number): number {
  return settleMs + graceMs + 4 * pauseMs;
}

function pauseOf({ gc }: Config): number {
  return gc.testMs === undefined ? gc.intervalMinutes * minuteMs : gc.testMs / 20;
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
