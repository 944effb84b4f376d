/**
 * Protects T4: the collector beside load, over HTTP, with a grace of seconds. No client sees an error,
 * nothing that was acknowledged is missing, and what was deleted is reclaimed in time.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";
import { FilesystemStore } from "../../src/storage/filesystem-store.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { random } from "../random.ts";
import { sized } from "../soak.ts";
import { CollectedClient } from "./collected-client.ts";
import { measureGarbage } from "./stored-garbage.ts";

const graceMs = 8_000;
/** Requests of both tests together. */
const operations = Number(process.env["GC_OPERATIONS"] ?? sized(20_000, 100_000));

interface Status {
  readonly state: string;
  readonly cycles: number;
  readonly last: { readonly report: Record<string, number>; readonly failed: boolean };
}

async function statusOf(pool: Pool): Promise<Status> {
  const answer = await pool.request({ method: "GET", path: "/gc" });
  return (await answer.body.json()) as Status;
}

/** Two grace periods, and the cycles that have to notice what began and what is over. */
async function untilReclaimed(pool: Pool): Promise<void> {
  const begun = performance.now();
  const first = (await statusOf(pool)).cycles;
  for (;;) {
    const { cycles, last } = await statusOf(pool);
    assert.equal(last.failed, false);
    if (cycles >= first + 3 && last.report["unreferenced"] === 0) return;
    if (cycles >= first + 6 && performance.now() - begun > 2 * graceMs) return;
    await sleep(100); // for a grace that is over by the clock of another process
  }
}

describe("garbage collection beside clients", () => {
  for (const workers of ["1", "2"]) {
    it(`shows no client anything, ${workers} worker(s)`, async (context) => {
      const directory = await makeScratch("gc-load");
      const flags = ["--workers", workers, "--gc-test-milliseconds", String(graceMs)];
      const limits = ["--gc-requests-per-second", "0", "--log-level", "warn"];
      const server = await ServerProcess.start({ directory, flags: [...flags, ...limits] });
      const pool = new Pool(server.url, {
        connections: 16,
        connect: { ca: await server.developmentCa() },
      });
      try {
        const dice = random(Number(workers));
        const clients = Array.from(
          { length: 8 },
          (_, number) => new CollectedClient(pool, `client/n${number}`, dice, graceMs / 2),
        );
        const done = (): number => clients.reduce((sum, one) => sum + one.operations, 0);
        const load = async (client: CollectedClient): Promise<void> => {
          while (done() < operations / 2) await client.turn();
        };
        await Promise.all(clients.map(load));
        for (const client of clients) for (const image of client.kept) await client.pull(image);

        const store = await FilesystemStore.open(path.join(directory, "data"));
        await Promise.all(clients.slice(1).map((client) => client.deleteAll()));
        const before = await measureGarbage(store);
        await untilReclaimed(pool);
        const after = await measureGarbage(store);
        const { report } = (await statusOf(pool)).last;
        context.diagnostic(
          `${done()} requests; garbage ${before.bytes} → ${after.bytes} bytes, ${before.objects} → ${after.objects} objects; late ${clients.reduce((sum, one) => sum + one.late, 0)}; ${JSON.stringify(report)}`,
        );
        assert.deepEqual(after.dangling, []);
        assert.ok(after.bytes <= before.bytes / 100, `${after.bytes} of ${before.bytes} bytes`);
        assert.ok(after.objects <= before.objects / 100, `${after.objects} objects`);
        const [first] = clients;
        for (const image of first?.kept ?? []) await first?.pull(image);
        assert.equal(server.log, "", "nothing to warn of");
      } finally {
        await pool.close();
        await server.stop();
        await removeScratch(directory);
      }
    });
  }
});
