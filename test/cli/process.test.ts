/** Protects what only the real program can show: exit codes, signals, closed pipes, its start. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { cli, startCli } from "../fixtures/cli-process.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { projectRoot } from "../fixtures/server-process.ts";
import { FakeRegistry, sendJson } from "./fake-registry.ts";
import { writeSmallBundle } from "./small-bundle.ts";

let directory: string;
let registry: FakeRegistry;

before(async () => {
  directory = await makeScratch("cli-process");
  registry = await FakeRegistry.start();
});
after(async () => {
  await registry.stop();
  await removeScratch(directory);
});

describe("the program", () => {
  it("prints the version of its package", async () => {
    const { version } = JSON.parse(await readFile(path.join(projectRoot, "package.json"), "utf8"));
    const { code, stdout } = await cli(["registry", "--version"]);
    assert.deepEqual([code, stdout], [0, `${version}\n`]);
  });

  it("ends with the documented codes", async () => {
    const unknown = ["--package-name=x", "--package-version=1", "--url", registry.url];
    assert.equal((await cli(["list", "--url", registry.url])).code, 0);
    assert.equal((await cli(["list", "--no-such-option"])).code, 2);
    assert.equal((await cli(["describe", ...unknown])).code, 1);
    assert.equal((await cli(["remove", ...unknown])).code, 3);
    assert.equal((await cli(["list", "--url", "https://127.0.0.1:1"])).code, 5);
  });

  it("does not wait for stdin that nobody ends", async () => {
    const { code } = await startCli(["list", "--url", registry.url], { keepInput: true }).ended();
    assert.equal(code, 0);
  });

  it("reads a password from stdin", async () => {
    registry.authorizations.length = 0;
    const args = ["list", "--url", registry.url, "--user", "ann", "--password-stdin"];
    assert.equal((await cli(args, { input: "secret\n" })).code, 0);
    const expected = `Basic ${Buffer.from("ann:secret").toString("base64")}`;
    assert.deepEqual(registry.authorizations, [expected]);
  });

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`ends with 130 on ${signal} while it uploads`, async () => {
      const bundle = await writeSmallBundle(directory, { contentBytes: 30_000_000 });
      const sending = new Promise((resolve) => {
        registry.instead = (request) => void request.once("data", resolve);
      });
      const program = startCli(["add", "--dcos-file", bundle, "--url", registry.url]);
      await sending;
      program.signal(signal);
      const { code, stdout, stderr } = await program.ended();
      registry.instead = undefined;
      assert.match(stderr, /^Error: interrupted\n/);
      assert.deepEqual([code, stdout], [130, ""]);
    });
  }

  it("ends quietly when the reader of its output has gone", async () => {
    registry.instead = (_request, response) => {
      const packages = Array.from({ length: 20_000 }, (_, index) => ({
        name: `p${index}`,
        version: "1",
      }));
      sendJson(response, 200, { packages });
    };
    const entry = path.join(projectRoot, "dist/src/cli.js");
    const child = spawn(process.execPath, [entry, "list", "--url", registry.url]);
    let stderr = "";
    child.stderr.on("data", (text) => (stderr += text));
    child.stdin.end();
    child.stdout.once("data", () => child.stdout.destroy());
    const [code] = await once(child, "close");
    registry.instead = undefined;
    assert.deepEqual([code, stderr], [0, ""]);
  });

  it("keeps its exit code when nobody reads its errors", async () => {
    const entry = path.join(projectRoot, "dist/src/cli.js");
    const child = spawn(process.execPath, [entry, "list", "--no-such-option"]);
    child.stderr.destroy();
    child.stdin.end();
    child.stdout.resume();
    const [code] = await once(child, "close");
    assert.equal(code, 2);
  });
});
