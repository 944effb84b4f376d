/** Data that is written behind its writer's back: nothing visible that is not whole, nothing left open. */
import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { createStaged } from "../../src/storage/durable-file.ts";
import { StagedData } from "../../src/storage/staged-data.ts";
import { eventually } from "../fixtures/eventually.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { pattern } from "./bytes.ts";

const MiB = 1024 * 1024;

describe("data on its way into a directory", () => {
  let scratch: string;
  let serial = 0;

  before(async () => {
    scratch = await makeScratch("staged");
  });
  after(() => removeScratch(scratch));

  async function stage(): Promise<{ staged: StagedData; staging: string; target: string }> {
    serial += 1;
    const [staging, place] = [`staging-${serial}`, `place-${serial}`].map((name) =>
      path.join(scratch, name),
    ) as [string, string];
    await mkdir(staging);
    const target = path.join(place, "data");
    const ensure = async (directory: string): Promise<void> => {
      await mkdir(directory, { recursive: true });
    };
    const file = await createStaged(staging);
    return { staged: new StagedData(file, { key: "data/x", target, ensure }), staging, target };
  }

  it("has all bytes in their order, also when it is synced several times on its way", async () => {
    const { staged, staging, target } = await stage();
    const bytes = pattern(70 * MiB + 11, 3);
    const chunk = Buffer.alloc(512 * 1024);
    for (let start = 0; start < bytes.byteLength; start += chunk.byteLength) {
      const length = bytes.copy(chunk, 0, start);
      await staged.append(chunk.subarray(0, length));
      chunk.fill(0);
    }
    assert.equal(await staged.commit(), bytes.byteLength);
    assert.ok((await readFile(target)).equals(bytes));
    assert.deepEqual(await readdir(staging), []);
  });

  it("leaves nothing when it is given up, with chunks on their way", async () => {
    const { staged, staging, target } = await stage();
    const going = [1, 2, 3].map(() => staged.append(pattern(3 * MiB)));
    for (const one of going) one.catch(() => undefined);
    await staged.abort();
    await staged.abort();
    await Promise.allSettled(going);
    assert.deepEqual(await readdir(staging), []);
    await assert.rejects(readFile(target), { code: "ENOENT" });
    await assert.rejects(staged.append(pattern(1)));
  });

  it("is not visible when a write has failed that its writer was not told of", async () => {
    const descriptor = openSync("/dev/full", "w");
    const target = path.join(scratch, "never");
    const file = { path: path.join(scratch, "none"), descriptor };
    const staged = new StagedData(file, { key: "data/x", target, ensure: async () => undefined });
    await staged.append(pattern(10));
    await assert.rejects(staged.commit(), { code: "INSUFFICIENT_STORAGE" });
    await staged.abort();
    assert.throws(() => closeSync(descriptor), { code: "EBADF" });
    await assert.rejects(readFile(target), { code: "ENOENT" });
  });

  it("takes nothing more when a sync on its way has failed", async () => {
    // Takes every byte and refuses to sync.
    const descriptor = openSync("/dev/null", "w");
    const target = path.join(scratch, "unsynced");
    const file = { path: path.join(scratch, "none"), descriptor };
    const staged = new StagedData(file, { key: "data/x", target, ensure: async () => undefined });
    await eventually(() => assert.rejects(staged.append(pattern(4 * MiB))));
    await assert.rejects(staged.commit());
    await staged.abort();
    await assert.rejects(readFile(target), { code: "ENOENT" });
  });
});
