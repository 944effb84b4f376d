/** Protects what DC/OS restarts the service by: the health check of the container, and how it is called. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { readCommandWords } from "../../src/server/command-words.ts";
import { checkHealth } from "../../src/server/healthcheck.ts";
import { type Finished, run } from "../fixtures/program.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { projectRoot, ServerProcess } from "../fixtures/server-process.ts";

describe("health check of the container", () => {
  let scratch: string;
  let server: ServerProcess;
  before(async () => {
    scratch = await makeScratch("healthcheck");
    server = await ServerProcess.start({ directory: scratch });
  });
  after(async () => {
    await server?.stop();
    await removeScratch(scratch);
  });

  const program = (args: readonly string[], env: Record<string, string> = {}): Promise<Finished> =>
    run(process.execPath, [path.join(projectRoot, "dist/src/main.js"), ...args], {
      cwd: scratch,
      env,
    });

  it("succeeds while the server serves, found by the variables of the server", async () => {
    const { port } = new URL(server.url);
    const env = { DCOS_REGISTRY_LISTEN: `0.0.0.0:${port}` };
    const { code, stdout } = await program(["healthcheck"], env);
    assert.deepEqual([code, stdout], [0, "/health answers 200\n"]);
    const shell = await program(["/bin/sh", "-c", "dcos-registry-server healthcheck"], env);
    assert.deepEqual([shell.code, shell.stdout], [0, "/health answers 200\n"]);
  });

  it("fails when nothing listens, and says so", async () => {
    const free = createServer().listen(0, "127.0.0.1");
    await once(free, "listening");
    const { port } = free.address() as AddressInfo;
    free.close();
    await once(free, "close");
    const { code, stdout } = await program(["healthcheck", `--listen=127.0.0.1:${port}`]);
    assert.deepEqual([code, stdout], [1, "no answer from /health: ECONNREFUSED\n"]);
  });

  it("fails when the server hangs, without hanging itself", async () => {
    const deaf = createServer().listen(0, "127.0.0.1");
    await once(deaf, "listening");
    const { port } = deaf.address() as AddressInfo;
    const { serving, message } = await checkHealth({ listen: { host: "127.0.0.1", port } }, 50);
    assert.equal(serving, false);
    assert.match(message, /took too long/);
    deaf.close();
  });

  it("refuses options that the server would refuse", async () => {
    const { code, stderr } = await program(["healthcheck", "--listen=nowhere"]);
    assert.equal(code, 2);
    assert.match(stderr, /--listen: must be HOST:PORT/);
  });
});

describe("arguments of the server", () => {
  it("are options unless a command stands in front", () => {
    assert.deepEqual(readCommandWords([]), { name: "run", options: [] });
    assert.deepEqual(readCommandWords(["--workers=2"]), { name: "run", options: ["--workers=2"] });
    assert.deepEqual(readCommandWords(["healthcheck", "--listen=a:1"]), {
      name: "healthcheck",
      options: ["--listen=a:1"],
    });
  });

  it("are a shell's where the program stands in for the shell, which knows one command", () => {
    const shell = (...args: string[]) => readCommandWords(["/bin/sh", ...args]).name;
    assert.equal(shell("-c", " dcos-registry-server  healthcheck "), "healthcheck");
    const refused = [
      [],
      ["-c"],
      ["-c", "ls"],
      ["-c", "dcos-registry-server"],
      ["-c", "x healthcheck"],
    ];
    for (const args of refused) assert.equal(shell(...args), "unknown", args.join(" "));
  });
});
