/**
 * Random walks of clients and collectors, with the real code; see walk/walk.ts.
 * `WALK_SEEDS=1,2,…` and `WALK_TURNS=n` walk elsewhere, or longer.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { sized } from "../soak.ts";
import type { Walked } from "./walk/walk.ts";

const turns = Number(process.env["WALK_TURNS"] ?? 300);
const seeds =
  process.env["WALK_SEEDS"]?.split(",").map(Number) ??
  Array.from({ length: sized(8, 80) }, (_, seed) => seed + 1);
/** Requests that all walks together carry out, unless others were asked for. */
const wanted = process.env["WALK_SEEDS"] || process.env["WALK_TURNS"] ? 0 : 200_000;

async function walkInThread(seed: number): Promise<Walked> {
  const thread = new Worker(new URL("./walk/worker.js", import.meta.url), {
    workerData: { seed, turns },
  });
  const [walked] = (await once(thread, "message")) as [Walked];
  return walked;
}

describe("random walks", { concurrency: 2 }, () => {
  const walks: Walked[] = [];
  for (const seed of seeds) {
    it(`lose nothing that was acknowledged, seed ${seed}`, async () => {
      walks.push(await walkInThread(seed));
    });
  }
  after(() => {
    const steps = walks.reduce((sum, walk) => sum + walk.steps, 0);
    assert.ok(steps >= wanted, `${steps} requests`);
  });
});
