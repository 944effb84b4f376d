/**
 * A random walk with the real code: clients, collectors and sweepers beside each other, one request at
 * a time, with lost answers and late requests. Repeats from its seed up to the jitter of retries.
 * `WALK_SEEDS=1,2,…` and `WALK_TURNS=n` make it longer.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openRegistry } from "../../src/registry/registry.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { StoreUnavailable } from "../../src/storage/store-error.ts";
import { random } from "../random.ts";
import { ScriptedStore } from "../storage/scripted-store.ts";
import { imagesOf, Promises, WalkingClient } from "./walk/client.ts";
import { checkCollected, checkData, checkLinks } from "./walk/invariants.ts";
import { ReferenceCollector } from "./walk/reference-collector.ts";
import { Schedule } from "./walk/schedule.ts";

const options = { manifestLimit: 100_000, uploadLifeMs: 3_600_000 };
const seeds = (process.env["WALK_SEEDS"] ?? "1,2,3").split(",").map(Number);
const turns = Number(process.env["WALK_TURNS"] ?? 60);

async function untilOver(work: () => Promise<void>, clients: Promise<unknown>): Promise<void> {
  let over = false;
  const ended = clients.finally(() => {
    over = true;
  });
  while (!over) {
    await work().catch((error: unknown) => {
      if (!(error instanceof StoreUnavailable)) throw error;
    });
  }
  await ended;
}

describe("a random walk", () => {
  for (const seed of seeds) {
    it(`loses nothing that was acknowledged, seed ${seed}`, async () => {
      const store = new MemoryStore();
      const dice = random(seed);
      const schedule = new Schedule(dice);
      const promises = new Promises();
      const images = imagesOf(dice);
      const actor = (): ScriptedStore => {
        const scripted = new ScriptedStore(store);
        scripted.gate(schedule.add);
        return scripted;
      };
      const instances = [1, 2, 3].map(() => openRegistry(actor(), options));
      const clients = Promise.all(
        [1, 2, 3, 4, 5].map(() => new WalkingClient(instances, dice, promises, images).walk(turns)),
      );
      const cleaners = [1, 2].map(() => new ReferenceCollector(actor()));
      const actors = Promise.all([
        clients,
        ...cleaners.map((cleaner) => untilOver(() => cleaner.collect(), clients)),
        ...cleaners.map((cleaner) => untilOver(() => cleaner.sweep(), clients)),
      ]);
      await schedule.run(actors, async () => {
        await checkData(store);
        await checkLinks(store, promises.must);
      });
      assert.ok(promises.acknowledged > turns / 2, `${promises.acknowledged} were acknowledged`);

      const alone = new ReferenceCollector(store);
      for (let cycle = 0; cycle < 4; cycle += 1) {
        await alone.collect();
        await alone.sweep();
      }
      await checkData(store);
      await checkLinks(store, promises.must);
      await checkCollected(store);
    });
  }
});
