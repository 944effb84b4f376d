/** One server on one directory, however the other one runs, and none after it has died. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { lockDirectory, StorageInUse } from "../../src/storage/owner-lock.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

const script = path.resolve(import.meta.dirname, "owner-worker.js");
/** Ends with its child, so that killing it kills the server inside. */
const contained = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
const [unshare = "", ...unshareOptions] = contained;
const noNamespaces = spawnSync(unshare, [...unshareOptions, "true"]).status !== 0;

describe("owner lock", () => {
  let root: string;
  let servers: ChildProcess[];
  beforeEach(async () => {
    root = await makeScratch("owner");
    servers = [];
  });
  afterEach(async () => {
    for (const server of servers) await kill(server);
    await removeScratch(root);
  });

  const locks = (): Promise<string[]> => readdir(path.join(root, "locks"));

  function start(...wrapper: string[]): ChildProcess {
    const [command = "", ...options] = [...wrapper, process.execPath, script, root];
    const server = spawn(command, options, { stdio: ["ignore", "pipe", "inherit"] });
    servers.push(server);
    return server;
  }

  async function says(server: ChildProcess): Promise<string> {
    assert.ok(server.stdout);
    const [chunk] = await once(server.stdout, "data");
    return String(chunk).trim();
  }

  async function kill(server: ChildProcess): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.kill("SIGKILL");
    await once(server, "exit");
  }

  it("refuses a second server, naming the first", async () => {
    const first = start();
    assert.equal(await says(first), "locked");
    await assert.rejects(lockDirectory(root), (error: StorageInUse) => {
      assert.ok(error instanceof StorageInUse);
      assert.equal(error.code, "STORAGE_IN_USE");
      assert.match(error.message, new RegExp(`process ${first.pid}\\)`));
      return true;
    });
    assert.equal(await says(start()), "refused");
  });

  it("refuses a second server in the same process", async () => {
    const free = await lockDirectory(root);
    await assert.rejects(lockDirectory(root), StorageInUse);
    await free();
    await (await lockDirectory(root))();
  });

  it("leaves nothing when it is given back", async () => {
    await (await lockDirectory(root))();
    assert.deepEqual(await locks(), []);
    assert.equal(await says(start()), "locked");
  });

  it("is taken over from a killed server, and clears up behind it", async () => {
    const first = start();
    await says(first);
    await kill(first);
    await writeFile(path.join(root, "locks/left by the dead"), "");
    const free = await lockDirectory(root);
    assert.equal((await locks()).length, 2);
    await free();
    assert.deepEqual(await locks(), []);
  });

  it("goes to exactly one of many that start at once on a dead server's directory", async () => {
    const first = start();
    await says(first);
    await kill(first);
    const answers = await Promise.all([1, 2, 3, 4].map(() => says(start())));
    assert.deepEqual(answers.sort(), ["locked", "refused", "refused", "refused"]);
  });

  it("works in a directory with a very long path", async () => {
    root = path.join(root, "sandbox".repeat(20), "runs".repeat(30));
    await mkdir(root, { recursive: true });
    const free = await lockDirectory(root);
    assert.equal(await says(start()), "refused");
    await free();
  });

  describe("between containers", { skip: noNamespaces && "needs process namespaces" }, () => {
    it("refuses while a server in another container lives", async () => {
      assert.equal(await says(start(...contained)), "locked");
      await assert.rejects(lockDirectory(root), StorageInUse);
      assert.equal(await says(start(...contained)), "refused");
    });

    it("refuses a container while a server outside of it lives", async () => {
      const free = await lockDirectory(root);
      assert.equal(await says(start(...contained)), "refused");
      await free();
      assert.equal(await says(start(...contained)), "locked");
    });

    it("is taken over from a killed container", async () => {
      const first = start(...contained);
      await says(first);
      await kill(first);
      assert.equal(await says(start(...contained)), "locked");
    });

    it("goes to exactly one of several containers that start at once", async () => {
      const first = start(...contained);
      await says(first);
      await kill(first);
      const answers = await Promise.all([1, 2, 3].map(() => says(start(...contained))));
      assert.deepEqual(answers.sort(), ["locked", "refused", "refused"]);
    });
  });
});
