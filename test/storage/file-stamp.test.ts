/** Protects the collector from taking a changed document for the one it has read. */
import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { stampFiles } from "../../src/storage/file-stamp.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

const later = (): number => Date.now() + 10_000;

describe("stamps of files", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await makeScratch("stamps");
    for (const name of ["a", "b", "c"]) await writeFile(path.join(directory, name), "same");
  });
  afterEach(() => removeScratch(directory));

  it("gives none while a change within the same tick would not show", async () => {
    assert.deepEqual(await stampFiles(directory, ["a", "b"]), [undefined, undefined]);
  });

  it("stays while the file does", async () => {
    const first = await stampFiles(directory, ["a", "b", "c"], later);
    assert.equal(new Set(first).size, 3);
    assert.equal(first.includes(undefined), false);
    assert.deepEqual(await stampFiles(directory, ["a", "b", "c"], later), first);
  });

  it("changes when the file is replaced by one of equal size, or written to", async () => {
    const [before] = await stampFiles(directory, ["a"], later);
    await rename(path.join(directory, "b"), path.join(directory, "a"));
    const [replaced] = await stampFiles(directory, ["a"], later);
    assert.ok(replaced);
    assert.notEqual(replaced, before);
    await writeFile(path.join(directory, "a"), "longer");
    assert.notEqual((await stampFiles(directory, ["a"], later))[0], replaced);
  });

  it("gives none to a file that is gone", async () => {
    assert.deepEqual(await stampFiles(directory, ["none"], later), [undefined]);
  });
});
