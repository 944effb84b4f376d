/** Moving the storage of a running server by the command, under pulls, and going on at the new place. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import type { Client } from "undici";
import { digestOf } from "../src/oci/digest.ts";
import { runInProcess } from "./cli/run-in-process.ts";
import { type Finished, run } from "./fixtures/program.ts";
import { makeScratch, removeScratch } from "./fixtures/scratch.ts";
import { projectRoot, ServerProcess } from "./fixtures/server-process.ts";
import { bundleOf } from "./packages/hostile-tar.ts";
import { samplePackage } from "./packages/sample-package.ts";

const names = ["--public-url=https://registry.example", "--image-host=registry.example:443"];
const sample = samplePackage();

let scratch: string;
let old: ServerProcess;

before(async () => {
  scratch = await makeScratch("migrate-storage");
  await writeFile(path.join(scratch, "sample.dcos"), await bundleOf(sample));
  old = await ServerProcess.start({ directory: scratch, flags: names });
});
after(async () => {
  await old.stop();
  await removeScratch(scratch);
});

function operate(server: ServerProcess, args: readonly string[]) {
  const where = ["--url", server.url, "--ca", old.developmentCaFile];
  return runInProcess([...args, ...where], { workingDirectory: scratch });
}

function migrate(...flags: readonly string[]): Promise<Finished> {
  const main = path.join(projectRoot, "dist/src/main.js");
  return run(process.execPath, [main, "migrate-storage", ...flags], { cwd: scratch });
}

async function text(client: Client, route: string): Promise<string> {
  const { body } = await client.request({ method: "GET", path: route });
  return body.text();
}

/** Everything of the package, again and again until `stop` is aborted. @returns how much was pulled */
async function pull(client: Client, stop: AbortSignal): Promise<number> {
  for (let pulled = 0; ; ) {
    for (const digest of sample.content.keys()) {
      if (stop.aborted) return pulled;
      const route = `/v2/dcos_packages/sample/blobs/${digest}`;
      const { statusCode, body } = await client.request({ method: "GET", path: route });
      assert.deepEqual([statusCode, digestOf(await body.bytes())], [200, digest]);
      pulled += 1;
    }
  }
}

describe("migrate-storage of a served directory", () => {
  let before: string;

  it("moves all without a failed pull, and says what to do next", async () => {
    assert.equal((await operate(old, ["add", "--dcos-file=sample.dcos"])).code, 0);
    const client = await old.client();
    before = await text(client, "/repo");
    const stop = new AbortController();
    const pulling = [0, 1, 2].map(() => pull(client, stop.signal));
    const { code, stdout, stderr } = await migrate("--from=data", "--to=new/data");
    stop.abort();
    const pulled = await Promise.all(pulling);
    await client.close();
    assert.deepEqual(
      [code, stdout.split("\n").at(-2)],
      [0, `Next: restart the servers with --storage=${path.join(scratch, "new/data")}`],
      stderr,
    );
    assert.match(
      stdout,
      /^Copied \d+ blobs \(0 MB of data\) and \d+ documents; all was compared\n/,
    );
    assert.match(stderr, /^Copying: .*\nWrites are refused, copying the rest: .*\nDone: /s);
    assert.ok(Math.min(...pulled) > 0);
  });

  it("leaves a server that reads and refuses to write", async () => {
    const { code, stderr } = await operate(old, ["remove", ...which(), "--yes"]);
    assert.match(stderr, /storage was moved and takes no writes/);
    assert.equal(code, 5);
    const health = await operate(old, ["health"]);
    assert.match(health.stdout, /storage\/writes: Unhealthy: Writes are refused/);
  });

  it("gives a server at the new place the same index, content and certificate", async () => {
    const server = await ServerProcess.start({
      directory: path.join(scratch, "new"),
      flags: names,
    });
    try {
      const client = await server.client();
      assert.equal(await text(client, "/repo"), before);
      const stop = new AbortController();
      const pulling = pull(client, stop.signal);
      assert.equal((await operate(server, ["remove", ...which(), "--yes"])).code, 0);
      stop.abort();
      await pulling;
      await client.close();
    } finally {
      await server.stop();
    }
  });

  it("changes nothing when it is run again", async () => {
    const { code, stdout } = await migrate("--from=data", "--to=new/data", "--json");
    assert.deepEqual([code, JSON.parse(stdout).now], [0, false]);
  });

  it("refuses what it cannot do, in a sentence", async () => {
    const refusals: readonly [string[], number, RegExp][] = [
      [["--from=data"], 2, /^Error: --to: say which storage/],
      [["--from=data", "--to=x", "--speed=1"], 2, /^Error: Unknown option '--speed'/],
      [["--from=data", "--to=data/inside"], 1, /is the old storage, or lies in it/],
      [["--from=data", "--to=third"], 1, /was moved to .*new\/data\n$/],
      [["--from=empty", "--to=third"], 1, /empty holds no registry\n$/],
    ];
    for (const [flags, code, message] of refusals) {
      const finished = await migrate(...flags);
      assert.match(finished.stderr, message);
      assert.equal(finished.code, code, flags.join(" "));
    }
  });
});

function which(): string[] {
  return ["--package-name=sample", "--package-version=1.0-1"];
}
