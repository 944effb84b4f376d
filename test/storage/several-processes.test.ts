/** The filesystem store and its locks under several processes, some of which are killed. */
import assert from "node:assert/strict";
import { readdir, readlink, symlink } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Documents } from "../../src/storage/documents.ts";
import { FileLocks, LockHeld } from "../../src/storage/file-lock.ts";
import { FilesystemStore } from "../../src/storage/filesystem-store.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import type { Counter } from "./store-worker.ts";
import { WorkerProcess } from "./worker-process.ts";

/** Far below the patience of a lock, far above what a dead owner may cost. */
const atOnceMs = 10_000;

describe("several processes on one directory", () => {
  let root: string;
  let workers: WorkerProcess[];
  beforeEach(async () => {
    root = await makeScratch("processes");
    workers = [];
  });
  afterEach(async () => {
    for (const worker of workers) await worker.kill();
    await removeScratch(root);
  });

  const start = (...args: string[]): WorkerProcess => {
    const [task = "", ...rest] = args;
    const worker = new WorkerProcess(task, root, ...rest);
    workers.push(worker);
    return worker;
  };
  const counted = async (): Promise<number> => {
    const documents = new Documents(await FilesystemStore.open(root));
    return (await documents.read<Counter>("doc/counter"))?.value.count ?? 0;
  };
  const locks = async (): Promise<FileLocks> => {
    const made = new FileLocks(path.join(root, "locks"));
    await made.prepare();
    return made;
  };

  it("count exactly: four times 250 is 1000", async () => {
    const counting = [1, 2, 3, 4].map(() => start("count", "250"));
    for (const worker of counting) assert.equal(await worker.ended, 0);
    assert.equal(await counted(), 1000);
    assert.deepEqual(await readdir(path.join(root, "locks")), []);
    assert.deepEqual(await readdir(path.join(root, "staging")), []);
  });

  it("lose nothing that was acknowledged when some of them are killed", async () => {
    const survivors = [1, 2].map(() => start("count", "60"));
    const victims = [15, 30, 45].map((after) => ({ after, worker: start("count", "100000") }));
    for (const { after, worker } of victims) {
      await worker.hasSaid(after);
      await worker.kill();
    }
    for (const worker of survivors) assert.equal(await worker.ended, 0);
    const acknowledged = workers.reduce((sum, worker) => sum + worker.said.length, 0);
    const count = await counted();
    // A killed process may have been between its write and telling us.
    assert.ok(count >= acknowledged && count <= acknowledged + victims.length, `${count}`);
  });

  it("create each key once", async () => {
    const creating = [1, 2, 3, 4].map(() => start("create", "100"));
    for (const worker of creating) assert.equal(await worker.ended, 0);
    const store = await FilesystemStore.open(root);
    const winners = new Map(
      creating.flatMap(({ said, pid }) => said.map((won) => [won, pid] as const)),
    );
    const wins = creating.reduce((sum, { said }) => sum + said.length, 0);
    assert.equal(wins, 100);
    for (let key = 0; key < 100; key += 1) {
      const content = (await store.load(`race/${key}`))?.bytes.toString();
      assert.equal(content, String(winners.get(`won ${key}`)));
    }
  });

  it("wait for a lock while its owner lives", async () => {
    const owner = start("hold");
    await owner.hasSaid(1);
    await assert.rejects((await locks()).acquire("contested", 50), (error: LockHeld) => {
      assert.ok(error instanceof LockHeld);
      assert.equal(error.pid, String(owner.pid));
      return true;
    });
  });

  it("take over the lock of a killed process at once", async () => {
    const owner = start("hold");
    await owner.hasSaid(1);
    await owner.kill();
    const before = performance.now();
    const others = [1, 2, 3, 4].map(() => start("contend", "20"));
    for (const worker of others) assert.equal(await worker.ended, 0);
    assert.ok(performance.now() - before < atOnceMs);
  });

  it("are alone in the lock although its owners keep dying", async () => {
    const mortals = Array.from({ length: 4 }, (_, turns) =>
      start("contend", String(turns + 2), "dies"),
    );
    const others = [1, 2, 3].map(() => start("contend", "40"));
    for (const worker of mortals) assert.equal(await worker.ended, "SIGKILL");
    for (const worker of others) assert.equal(await worker.ended, 0);
  });

  it("break the lock of a dead process once, however many find it", async () => {
    const owner = start("hold");
    await owner.hasSaid(1);
    await owner.kill();
    const breakers = await Promise.all([1, 2, 3, 4, 5, 6].map(locks));
    let inside = 0;
    const enter = (breaker: FileLocks): Promise<void> =>
      breaker.hold("contested", async () => {
        inside += 1;
        assert.equal(inside, 1);
        await readdir(root);
        inside -= 1;
      });
    await Promise.all(breakers.map(enter));
  });

  it("go on when a breaker died in the middle of breaking", async () => {
    const [owner, breaker] = [start("hold"), start("hold", "other")];
    for (const worker of [owner, breaker]) {
      await worker?.hasSaid(1);
      await worker?.kill();
    }
    const directory = path.join(root, "locks");
    const broken = await readlink(path.join(directory, "contested"));
    const claimant = await readlink(path.join(directory, "other"));
    await symlink(claimant, path.join(directory, `stale-${broken}`));
    const release = await (await locks()).acquire("contested", 0);
    await release();
  });
});
