/**
 * This server beside Debian's docker-registry, same certificate, same disk, in turns A B A B …: the
 * table of issue "Faster than Docker distribution", whose targets are those against 2.8.2.
 */
import { type Contenders, memoryFigures, startContenders } from "./contenders.ts";
import { PushedFile } from "./curl.ts";
import type { Effort, Part, Row } from "./part.ts";
import { type Seeded, seed } from "./seed.ts";
import { inTurns, type Workload } from "./turns.ts";
import { largeGet, largePush, manifestGet, smallGet, smallPush } from "./workloads.ts";

export const besideDistribution: Part = {
  name: "distribution",
  title: "Pulls and pushes, beside docker-registry",
  needs: ["docker-registry", "wrk", "curl"],
  async *run(scratch, effort) {
    const contenders = await startContenders(scratch, effort);
    try {
      const names = ["one", "two", "three", "four"];
      const files = await Promise.all(names.map((name) => PushedFile.create(scratch, name, 256)));
      const seeded = await seed(contenders, files[0] as PushedFile);
      const workloads = [...pulls(seeded, effort), ...pushes(scratch, files, effort)];
      for (const workload of workloads) yield await inTurns(contenders, workload, effort);
      yield memoryRow(contenders);
    } finally {
      await contenders.stop();
    }
  },
};

function pulls(seeded: Seeded, effort: Effort): Workload[] {
  const few = effort.short ? 2 : 1;
  const alone = { clients: 1, each: 8 / few };
  const crowd = { clients: 8, each: 2 / few };
  return [
    manifestGet(seeded, effort, { times: { target: 13.9, floor: 3 } }),
    smallGet(seeded, effort, { times: { target: 7.3, floor: 2.5 } }),
    largeGet(seeded, alone, { times: { target: 0.76, floor: 0.4 } }),
    largeGet(seeded, crowd, { times: { target: 1.04, floor: 0.4 } }),
  ];
}

function pushes(scratch: string, files: readonly PushedFile[], effort: Effort): Workload[] {
  const one = files.slice(0, 1);
  return [
    largePush(one, "put", { times: { target: 2.25, floor: 0.4 } }),
    largePush(files, "put", { times: { target: 1.8, floor: 0.4 } }),
    largePush(one, "patch", { times: { floor: 0.4 } }),
    smallPush(scratch, effort, { times: { target: 3.1, floor: 1.2 } }),
  ];
}

function memoryRow(contenders: Contenders): Row {
  const figure = "MiB this";
  return {
    workload: "peak memory over all",
    figures: memoryFigures(contenders),
    target: { figure, atMost: 220 },
    floor: { figure, atMost: 300 },
  };
}
