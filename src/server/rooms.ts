/** What a process that serves has room for: on the disk, and below the quota. */
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import type { HealthCheck } from "../http/health-routes.ts";
import { MeteredStore } from "../registry/usage/metered-store.ts";
import { Quota } from "../registry/usage/quota.ts";
import { UsageJournal } from "../registry/usage/usage-journal.ts";
import { UsageMeter } from "../registry/usage/usage-meter.ts";
import { DiskRoom, diskSpaceOf } from "../storage/disk-room.ts";
import { Documents } from "../storage/documents.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { type Room, roomInAll, StoreWithinRoom } from "../storage/room.ts";
import type { Storage } from "./storage.ts";
import { quotaCheck, spaceCheck } from "./storage-health.ts";
import { exposeDisk, exposeQuota } from "./storage-metrics.ts";

export interface Rooms {
  readonly room: Room;
  readonly checks: readonly HealthCheck[];
  /** The same store, for writers: in which data ends where the room does. */
  within(store: ObjectStore): ObjectStore;
  /** After the last write. */
  end(): Promise<void>;
}

/** @param store for what is known of the quota, not limited itself */
export function openRooms(
  config: Config,
  { fixed = false }: Storage,
  store: ObjectStore,
  log: Logger,
): Rooms {
  if (fixed) return { room: roomInAll([]), checks: [], within: (same) => same, end: nothing };
  const disk = config.s3 ? undefined : openDisk(config);
  const limit = config.readOnly ? 0 : config.limits.quotaBytes;
  const quota = limit > 0 ? openQuota(limit, store, log) : undefined;
  const room = roomInAll([disk?.room, quota?.room].filter((one) => one !== undefined));
  return {
    room,
    checks: [disk?.check, quota?.check].filter((one) => one !== undefined),
    within: (inner) =>
      new StoreWithinRoom(quota ? new MeteredStore(inner, quota.meter) : inner, room),
    end: () => quota?.meter.end() ?? nothing(),
  };
}

/** A bucket has room for whatever comes, as far as anybody can know before it is written. */
function openDisk({ storage, limits }: Config): { room: Room; check: HealthCheck } {
  const room = new DiskRoom({
    measure: () => diskSpaceOf(storage),
    ...(limits.freeBytes >= 0 && { floor: limits.freeBytes }),
  });
  exposeDisk(room);
  return { room, check: spaceCheck(room) };
}

function openQuota(
  limit: number,
  store: ObjectStore,
  log: Logger,
): { room: Room; check: HealthCheck; meter: UsageMeter } {
  const onFailure = (error: unknown): void =>
    log.warn({ err: error }, "what was written is not told to other processes yet");
  const meter = new UsageMeter(new UsageJournal(new Documents(store)), { onFailure });
  const quota = new Quota(limit, meter);
  exposeQuota(quota);
  return { room: quota, check: quotaCheck(quota), meter };
}

async function nothing(): Promise<void> {}
