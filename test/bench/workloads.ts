/** What is done to two registries in turns: pulls of seeded content, and pushes of new bytes. */
import { output } from "../fixtures/program.ts";
import { curlGet, curlPush, type PushedFile, type PushForm } from "./curl.ts";
import type { Effort } from "./part.ts";
import { manifestType, type Seeded } from "./seed.ts";
import { perGibibyte, perRequest, type Workload } from "./turns.ts";
import { SmallPushes, wrkGet } from "./wrk.ts";

const warmUpSeconds = 1;

type Wanted = Pick<Workload, "times">;

export function manifestGet(
  { manifest }: Seeded,
  { seconds }: Pick<Effort, "seconds">,
  wanted: Wanted,
): Workload {
  const connections = 32;
  const headers = [`Accept: ${manifestType}`];
  return {
    name: `manifest GET by tag, ${connections} connections`,
    unit: "requests",
    cost: perRequest,
    warmUp: (to) => wrkGet(to, manifest, { connections, seconds: warmUpSeconds, headers }),
    load: (to) => wrkGet(to, manifest, { connections, seconds, headers }),
    ...wanted,
  };
}

export function smallGet(
  { small }: Seeded,
  { seconds }: Pick<Effort, "seconds">,
  wanted: Wanted,
): Workload {
  const connections = 32;
  return {
    name: `16 KiB blob GET, ${connections} connections`,
    unit: "requests",
    cost: perRequest,
    warmUp: (to) => wrkGet(to, small, { connections, seconds: warmUpSeconds }),
    load: (to) => wrkGet(to, small, { connections, seconds }),
    ...wanted,
  };
}

/** @param each pulls of each client, one after the other @param what of the blob, for the row's name */
export function largeGet(
  { large, largeSize: size }: Seeded,
  { clients, each, what = "" }: { clients: number; each: number; what?: string },
  wanted: Wanted,
): Workload {
  return {
    name: `${mebibytes(size)} MiB blob GET${what}, ${counted(clients)}`,
    unit: "MiB",
    cost: perGibibyte,
    warmUp: (to) => curlGet(to, large, { clients: 8, each: 1, size }),
    load: (to) => curlGet(to, large, { clients, each, size }),
    ...wanted,
  };
}

/**
 * One client for each file. docker-registry syncs nothing to the disk before it acknowledges a push,
 * this server does; dirty pages of one must not be written in the turn of the other, so a sync
 * stands before each turn.
 */
export function largePush(files: readonly PushedFile[], form: PushForm, wanted: Wanted): Workload {
  const how = form === "put" ? "push" : "push by PATCH";
  return {
    name: `${mebibytes(files[0]?.size ?? 0)} MiB ${how}, ${counted(files.length)}`,
    unit: "MiB",
    cost: perGibibyte,
    prepare: () => Promise.all(files.map((file) => file.renew())),
    load: async (to) => {
      await output("sync", []);
      return curlPush(to, files, form);
    },
    ...wanted,
  };
}

/** @param scratch where the digests are kept */
export function smallPush(
  scratch: string,
  { seconds }: Pick<Effort, "seconds">,
  wanted: Wanted,
): Workload {
  const connections = 8;
  const pushes = new SmallPushes(scratch);
  return {
    name: `4 KiB push, ${connections} connections`,
    unit: "pushes",
    cost: perRequest,
    load: async (to) => {
      await output("sync", []);
      return pushes.run(to, connections, seconds);
    },
    ...wanted,
  };
}

function counted(clients: number): string {
  return clients === 1 ? "1 client" : `${clients} clients`;
}

function mebibytes(size: number): number {
  return size / 1024 / 1024;
}
