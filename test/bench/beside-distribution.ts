/**
 * This server beside Debian's docker-registry, same certificate, same disk, in turns A B A B …: the
 * table of issue "Faster than Docker distribution", whose targets are those against 2.8.2.
 *
 * docker-registry syncs nothing to the disk before it acknowledges a push, this server does; dirty
 * pages of one must not be written in the turn of the other, so a sync stands before each.
 */
import { output } from "../fixtures/program.ts";
import { peakMiB, startContenders } from "./contenders.ts";
import { curlGet, curlPush, PushedFile, type PushForm } from "./curl.ts";
import type { Effort, Part, Row } from "./part.ts";
import { manifestType, type Seeded, seed } from "./seed.ts";
import { inTurns, perGibibyte, perRequest, type Workload } from "./turns.ts";
import { SmallPushes, wrkGet } from "./wrk.ts";

export const besideDistribution: Part = {
  name: "distribution",
  title: "Pulls and pushes, beside docker-registry",
  needs: ["docker-registry", "wrk", "curl"],
  async *run(scratch, effort) {
    const contenders = await startContenders(scratch, effort);
    try {
      const files = await Promise.all(
        [1, 2, 3, 4].map((number) => PushedFile.create(scratch, `pushed-${number}`, 256)),
      );
      const seeded = await seed(contenders, files[0] as PushedFile);
      const workloads = [...pulls(seeded, effort), ...pushes(scratch, files, effort)];
      for (const workload of workloads) yield await inTurns(contenders, workload, effort);
      yield memoryRow(peakMiB(contenders.ours), peakMiB(contenders.theirs));
    } finally {
      await contenders.stop();
    }
  },
};

function pulls({ manifest, small, large }: Seeded, { seconds, short }: Effort): Workload[] {
  const connections = 32;
  const headers = [`Accept: ${manifestType}`];
  const size = 256 * 1024 * 1024;
  return [
    {
      name: `manifest GET by tag, ${connections} connections`,
      unit: "requests",
      cost: perRequest,
      load: (to) => wrkGet(to, manifest, { connections, seconds, headers }),
      times: { target: 13.9, floor: 5 },
    },
    {
      name: `16 KiB blob GET, ${connections} connections`,
      unit: "requests",
      cost: perRequest,
      load: (to) => wrkGet(to, small, { connections, seconds }),
      times: { target: 7.3, floor: 3 },
    },
    {
      name: "256 MiB blob GET, 1 client",
      unit: "MiB",
      cost: perGibibyte,
      load: (to) => curlGet(to, large, { clients: 1, each: short ? 4 : 8, size }),
      times: { target: 0.76, floor: 0.5 },
    },
    {
      name: "256 MiB blob GET, 8 clients",
      unit: "MiB",
      cost: perGibibyte,
      load: (to) => curlGet(to, large, { clients: 8, each: short ? 1 : 2, size }),
      times: { target: 1.04, floor: 0.65 },
    },
  ];
}

function pushes(scratch: string, files: readonly PushedFile[], effort: Effort): Workload[] {
  const connections = 8;
  const small = new SmallPushes(scratch);
  const large = (count: number, form: PushForm) => {
    const chosen = files.slice(0, count);
    return {
      unit: "MiB",
      cost: perGibibyte,
      prepare: () => Promise.all(chosen.map((file) => file.renew())),
      load: async (to) => {
        await output("sync", []);
        return curlPush(to, chosen, form);
      },
    } satisfies Omit<Workload, "name">;
  };
  return [
    {
      name: "256 MiB push, 1 client",
      ...large(1, "put"),
      times: { target: 2.25, floor: 0.9 },
    },
    {
      name: "256 MiB push, 4 clients",
      ...large(4, "put"),
      times: { target: 1.8, floor: 0.8 },
    },
    {
      name: "256 MiB push by PATCH, 1 client",
      ...large(1, "patch"),
      times: { floor: 0.8 },
    },
    {
      name: `4 KiB push, ${connections} connections`,
      unit: "pushes",
      cost: perRequest,
      load: async (to) => {
        await output("sync", []);
        return small.run(to, connections, effort.seconds);
      },
      times: { target: 3.1, floor: 1.3 },
    },
  ];
}

function memoryRow(ours: number, theirs: number): Row {
  const figure = "MiB this";
  return {
    workload: "peak memory over all",
    figures: { [figure]: ours, "MiB docker-registry": theirs },
    target: { figure, atMost: 220 },
    floor: { figure, atMost: 400 },
  };
}
