/** Run on a small disk: fills it in each way and shows that the store stays usable. */
import assert from "node:assert/strict";
import { readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { FilesystemStore } from "../../src/storage/filesystem-store.ts";
import type { Revision } from "../../src/storage/object-store.ts";
import { StoreFull } from "../../src/storage/store-error.ts";
import { allKeys, pattern } from "./bytes.ts";

const [root = ""] = process.argv.slice(2);
const store = await FilesystemStore.open(root);

async function leavesNothing(): Promise<void> {
  assert.deepEqual(await readdir(path.join(root, "staging")), []);
  assert.deepEqual(await readdir(path.join(root, "locks")), []);
}

/** @returns how many were written before the disk was full */
async function fill(prefix: string, bytes: Buffer): Promise<number> {
  for (let number = 0; ; number += 1) {
    try {
      await store.save(`${prefix}/${number}`, bytes, { absent: true });
    } catch (error) {
      assert.ok(error instanceof StoreFull, String(error));
      return number;
    }
  }
}

/** Takes what is left of names and bytes, as other programs on the disk would. */
async function takeTheRest(): Promise<void> {
  for (let number = 0; ; number += 1) {
    try {
      await writeFile(path.join(root, `other-${number}`), pattern(64 * 1024), { flag: "wx" });
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
      if (number > 0 && !(await hasFreeName(number))) return;
    }
  }
}

async function hasFreeName(number: number): Promise<boolean> {
  try {
    await writeFile(path.join(root, `name-${number}`), "", { flag: "wx" });
    return true;
  } catch {
    return false;
  }
}

// No blocks, in the middle of data.
const staged = await store.stage("data/one");
const appending = async (): Promise<void> => {
  for (;;) await staged.append(pattern(64 * 1024));
};
await assert.rejects(appending(), StoreFull);
await staged.abort();
assert.equal(await store.stat("data/one"), undefined);
await leavesNothing();

for (const [prefix, size] of [
  ["blocks", 64 * 1024],
  ["inodes", 1],
] as const) {
  const written = await fill(prefix, pattern(size));
  assert.ok(written > 10);
  await leavesNothing();
  const revision = (await store.load(`${prefix}/0`))?.revision ?? ("" as Revision);
  const replacing = store.save(`${prefix}/0`, pattern(size, 7), { revision });
  await assert.rejects(replacing, StoreFull);
  assert.ok((await store.load(`${prefix}/0`))?.bytes.equals(pattern(size)));
  await takeTheRest();
  // Only deleting makes room, so it must not need any.
  for (const key of await allKeys(store, `${prefix}/`)) await store.delete(key);
  await leavesNothing();
  for (const name of await readdir(root)) if (name.includes("-")) await rm(path.join(root, name));
  await store.save(`again/${prefix}`, pattern(size), { absent: true });
}
