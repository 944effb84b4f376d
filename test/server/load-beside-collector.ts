/**
 * The collector beside load (T4), the same for every storage: clients push, pull and delete while cycles
 * run with a grace of seconds. No client sees an error, nothing acknowledged is missing, and what was
 * deleted is reclaimed in time.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "undici";
import type { ObjectStore } from "../../src/storage/object-store.ts";
import { random } from "../random.ts";
import { CollectedClient } from "./collected-client.ts";
import { measureGarbage } from "./stored-garbage.ts";

export const graceMs = 8_000;

/** What makes a server collect all the time, with all its times that short. */
export const restlessCollector: readonly string[] = [
  "--gc-test-milliseconds",
  String(graceMs),
  "--gc-requests-per-second",
  "0",
  "--log-level",
  "warn",
];

export interface LoadOptions {
  /** One for each server; clients take turns with them. */
  readonly pools: readonly Pool[];
  /** What the servers keep everything in. */
  readonly store: ObjectStore;
  /** Requests in all. */
  readonly operations: number;
  readonly seed: number;
}

/** @returns what was done, in words */
export async function loadBesideCollector(options: LoadOptions): Promise<string> {
  const { pools, store, operations, seed } = options;
  const dice = random(seed);
  const clients = Array.from({ length: 8 }, (_, number) => {
    const pool = pools[number % pools.length];
    assert.ok(pool);
    return new CollectedClient(pool, `client/n${number}`, dice, graceMs / 2);
  });
  const done = (): number => clients.reduce((sum, one) => sum + one.operations, 0);
  const load = async (client: CollectedClient): Promise<void> => {
    while (done() < operations) await client.turn();
  };
  await Promise.all(clients.map(load));
  for (const client of clients) for (const image of client.kept) await client.pull(image);

  await Promise.all(clients.slice(1).map((client) => client.deleteAll()));
  const before = await measureGarbage(store);
  await untilReclaimed(pools);
  const after = await measureGarbage(store);
  const late = clients.reduce((sum, one) => sum + one.late, 0);
  assert.deepEqual(after.dangling, []);
  assert.ok(after.bytes <= before.bytes / 100, `${after.bytes} of ${before.bytes} bytes`);
  assert.ok(after.objects <= before.objects / 100, `${after.objects} objects`);
  const [first] = clients;
  for (const image of first?.kept ?? []) await first?.pull(image);
  const objects = `${before.objects} → ${after.objects} objects`;
  return `${done()} requests; garbage ${before.bytes} → ${after.bytes} bytes, ${objects}; late ${late}`;
}

interface Status {
  readonly cycles: number;
  readonly last: { readonly failed: boolean };
}

async function statusOf(pool: Pool): Promise<Status> {
  const answer = await pool.request({ method: "GET", path: "/gc" });
  return (await answer.body.json()) as Status;
}

/**
 * Two grace periods behind the cycles that let go of all, see it, and condemn it. Each is over when a
 * whole cycle came behind it, however long a cycle takes where the machine is busy.
 */
async function untilReclaimed(pools: readonly Pool[]): Promise<void> {
  await wholeCycles(pools, 4);
  for (let graces = 0; graces < 2; graces += 1) {
    await sleep(graceMs);
    await wholeCycles(pools, 1);
  }
}

/** Cycles that begin from now on, and come to their end. */
async function wholeCycles(pools: readonly Pool[], count: number): Promise<void> {
  await Promise.all(
    pools.map(async (pool) => {
      const begun = (await statusOf(pool)).cycles;
      for (;;) {
        const { cycles, last } = await statusOf(pool);
        assert.equal(last.failed, false);
        if (cycles > begun + count) return;
        await sleep(100);
      }
    }),
  );
}
