/** Reads of a bucket, shared by all who pull at the same time and kept on this machine's disk. */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import type { Config } from "../config.ts";
import { DiskRoom, diskSpaceOf } from "../storage/disk-room.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { SharedReads } from "../storage/shared-reads.ts";
import type { Storage } from "./storage.ts";

export async function shareReads(
  store: ObjectStore,
  { distant }: Storage,
  { s3, storage, workers, limits }: Config,
): Promise<ObjectStore> {
  if (!distant || s3 === undefined) return store;
  const directory = path.join(storage, "cache");
  await mkdir(directory, { recursive: true });
  const room = new DiskRoom({
    measure: () => diskSpaceOf(directory),
    ...(limits.freeBytes >= 0 && { floor: limits.freeBytes }),
  });
  // Each worker has files of its own.
  return new SharedReads(store, { directory, maxBytes: Math.floor(s3.cacheBytes / workers), room });
}
