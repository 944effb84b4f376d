/** Protects listings from names that were kept for too long, and from names that never were. */
import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { DirectoryNames } from "../../src/storage/directory-names.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

describe("DirectoryNames", () => {
  let directory: string;

  beforeEach(async () => {
    directory = await makeScratch("names");
    // As many as are worth keeping.
    for (let at = 0; at < 200; at += 1) await add(`name-${1000 + at}`);
  });

  afterEach(() => removeScratch(directory));

  const add = (name: string): Promise<void> => writeFile(path.join(directory, name), "");
  const has = async (names: DirectoryNames, name: string): Promise<boolean> =>
    (await names.sorted(directory)).includes(name);

  it("gives names in byte order, directories with a slash where their keys sort", async () => {
    await mkdir(path.join(directory, "name"));
    await add("name-");
    await add("Name");
    const names = await new DirectoryNames().sorted(directory);
    assert.deepEqual(names.slice(0, 3), ["Name", "name-", "name-1000"]);
    assert.equal(names.at(-1), "name/");
    assert.equal(names.length, 203);
  });

  it("sees a change that left the directory's time as it was", async () => {
    let now = 0;
    const stateOf = async () => ({ changed: 5n, flat: true });
    const names = new DirectoryNames({ clock: () => now, stateOf });
    await names.sorted(directory);
    await add("soon");
    now = 99;
    assert.ok(await has(names, "soon"));
    await add("later");
    assert.ok(await has(names, "later"));
  });

  it("reads an unchanged directory no more once a change would show", async () => {
    let now = 0;
    let changed = 5n;
    const stateOf = async () => ({ changed, flat: true });
    const names = new DirectoryNames({ clock: () => now, stateOf });
    await names.sorted(directory);
    now = 100;
    await names.sorted(directory);
    await add("unnoticed");
    assert.equal(await has(names, "unnoticed"), false);
    changed = 6n;
    assert.ok(await has(names, "unnoticed"));
    await add("again");
    assert.ok(await has(names, "again"), "kept without waiting for a tick of the new time");
  });

  it("waits longer where times have whole milliseconds only", async () => {
    let now = 0;
    const stateOf = async () => ({ changed: 7_000_000_000n, flat: true });
    const names = new DirectoryNames({ clock: () => now, stateOf });
    await names.sorted(directory);
    now = 2_000;
    await names.sorted(directory);
    await add("second");
    assert.ok(await has(names, "second"));
  });

  it("shows a name at once to whoever asks after it was made, and no more once it is gone", async () => {
    const names = new DirectoryNames();
    const working = { done: false };
    // Others keep readings in flight, one of which began before each change.
    const readers = [1, 2, 3].map(async () => {
      while (!working.done) await names.sorted(directory);
    });
    for (let at = 0; at < 150; at += 1) {
      await add(`made-${at}`);
      assert.ok(await has(names, `made-${at}`));
      await rm(path.join(directory, `made-${at}`));
      assert.equal(await has(names, `made-${at}`), false);
    }
    working.done = true;
    await Promise.all(readers);
  });

  it("tells a directory from a file although it was made during the reading", async () => {
    let asked = 0;
    const stateOf = async () => {
      asked += 1;
      if (asked === 1) await mkdir(path.join(directory, "zz"));
      return { changed: 5n, flat: asked === 1 };
    };
    const names = await new DirectoryNames({ stateOf }).sorted(directory);
    assert.equal(names.at(-1), "zz/");
  });

  it("fails for a directory that is not there, and finds it later", async () => {
    const names = new DirectoryNames();
    const missing = path.join(directory, "missing");
    await assert.rejects(names.sorted(missing), { code: "ENOENT" });
    await mkdir(missing);
    assert.deepEqual(await names.sorted(missing), []);
  });
});
