/** Protects the first minute (S1): plain Node starts the server, and SIGTERM ends it cleanly. */
import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { ClusterClient } from "./fixtures/cluster-client.ts";
import { run } from "./fixtures/program.ts";
import { makeScratch, removeScratch } from "./fixtures/scratch.ts";
import { projectRoot, ServerProcess } from "./fixtures/server-process.ts";

describe("start of the server", () => {
  let scratch: string;
  before(async () => {
    scratch = await makeScratch("start");
  });
  after(() => removeScratch(scratch));

  it("serves an empty repository, says how to begin, and ends with 0 on SIGTERM", async () => {
    const server = await ServerProcess.start({ directory: scratch });
    const client = new ClusterClient(server.url, await server.developmentCa());
    const health = await client.fetch(`${server.url}/health`);
    assert.equal(health.status, 200);
    assert.match(health.body.toString(), /"message":"Able to find 0 package\(s\)\."/);
    const repository = await client.json<{ packages: unknown[] }>(`${server.url}/repo`);
    assert.deepEqual(repository.packages, []);
    for (const part of ["ca.crt", " migrate ", " build ", " add "]) {
      assert.ok(server.banner.includes(part), `${part} is not in\n${server.banner}`);
    }
    await client.close();
    const { code, signal } = await server.stop();
    assert.deepEqual({ code, signal }, { code: 0, signal: null });
  });

  it("starts again on the same directory with the same certificate authority", async () => {
    const directory = path.join(scratch, "data");
    const first = await ServerProcess.start({ directory: scratch });
    const before = await first.developmentCa();
    await first.stop();
    const second = await ServerProcess.start({ directory: scratch });
    const after = await second.developmentCa();
    await second.stop();
    assert.equal(after, before, directory);
  });

  it("names every wrong option at once and exits with 2", async () => {
    const entry = path.join(projectRoot, "dist/src/main.js");
    const wrong = ["--listen", "nowhere", "--log-level", "loud", "--strage", "x"];
    const { code, stderr } = await run(process.execPath, [entry, ...wrong], { cwd: scratch });
    assert.equal(code, 2);
    for (const part of ["listen", "log-level", "strage"]) assert.ok(stderr.includes(part), stderr);
  });
});
