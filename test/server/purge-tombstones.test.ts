/** The command that purges tombstones: never beside a server, never in a bucket, and what it says. */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type Finished, run } from "../fixtures/program.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { projectRoot, ServerProcess } from "../fixtures/server-process.ts";

describe("purge-tombstones", () => {
  let scratch: string;
  before(async () => {
    scratch = await makeScratch("purge");
  });
  after(() => removeScratch(scratch));

  function purge(...flags: readonly string[]): Promise<Finished> {
    const main = path.join(projectRoot, "dist/src/main.js");
    return run(process.execPath, [main, "purge-tombstones", ...flags], { cwd: scratch });
  }

  it("is refused while a server has the directory, and goes on when it is stopped", async () => {
    const server = await ServerProcess.start({ directory: scratch });
    const storage = `--storage=${path.join(scratch, "data")}`;
    try {
      const refused = await purge(storage);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /is in use by another server \(process \d+\)/);
    } finally {
      await server.stop();
    }
    const done = await purge(storage);
    assert.deepEqual([done.code, done.stderr], [0, ""]);
    assert.match(done.stdout, /^0 of \d+ documents are tombstones of more than 30 days; deleted$/m);
    const dry = await purge(storage, "--dry-run", "--json");
    assert.deepEqual([dry.code, JSON.parse(dry.stdout).purged], [0, 0]);
  });

  it("says what to do in a bucket, and where there is no registry", async () => {
    const bucket = await purge("--storage=s3://bucket/path");
    assert.equal(bucket.code, 1);
    assert.match(bucket.stderr, /a bucket cannot be purged in place.*migrate-storage/);
    const nothing = await purge(`--storage=${path.join(scratch, "nothing")}`);
    assert.equal(nothing.code, 1);
    assert.match(nothing.stderr, /holds no registry/);
    assert.equal((await purge("--nothing-known")).code, 2);
  });
});
