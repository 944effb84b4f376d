/** Protects that the command line and the real server understand each other. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { bundleOf } from "../packages/hostile-tar.ts";
import { samplePackage } from "../packages/sample-package.ts";
import { type CliRun, runInProcess } from "./run-in-process.ts";
import { writeSmallBundle } from "./small-bundle.ts";

let directory: string;
let server: ServerProcess;

before(async () => {
  directory = await makeScratch("cli-server");
  await writeFile(path.join(directory, "token"), "0123456789abcdef0123456789abcdef\n");
  await writeFile(path.join(directory, "sample.dcos"), await bundleOf(samplePackage()));
  const flags = ["--token-file", path.join(directory, "token")];
  server = await ServerProcess.start({ directory, flags });
});
after(async () => {
  await server.stop();
  await removeScratch(directory);
});

function run(args: readonly string[], token?: string): Promise<CliRun> {
  const trusted = [...args, "--url", server.url, "--ca", server.developmentCaFile];
  const all = token === undefined ? trusted : [...trusted, "--token-file", token];
  return runInProcess(all, { workingDirectory: directory });
}

describe("a package on a real server", () => {
  const sample = ["--package-name=sample", "--package-version=1.0-1"];

  it("is added, described, listed, removed, and then unknown", async () => {
    const added = await run(["add", "--dcos-file=sample.dcos", "--json"], "token");
    assert.equal(added.code, 0, added.stderr);
    assert.equal(JSON.parse(added.stdout).packages[0].name, "sample");

    const described = await run(["describe", ...sample, "--json"]);
    assert.equal(JSON.parse(described.stdout).status, "Added");
    const shown = await run(["describe", ...sample]);
    assert.match(shown.stdout, /^sample 1\.0-1: Added\n/);
    assert.match(
      shown.stdout,
      /\n {4}docker\.io\/library\/redis:7\.2 -> \S+\/sample\/library\/redis:7/,
    );

    assert.match((await run(["list"])).stdout, /\nsample {3}1\.0-1 {5}Added\n$/);
    assert.match(
      (await run(["health"])).stdout,
      /^\/repo: Healthy: Able to find 1 package\(s\)\.\n/,
    );

    const removed = await run(["remove", ...sample], "token");
    assert.deepEqual([removed.code, removed.stdout], [0, "Removed sample 1.0-1\n"]);
    const unknown = await run(["describe", ...sample, "--json"]);
    assert.match(unknown.stderr, /^Version \[1\.0-1\] of package \[sample\] not found\n/);
    assert.equal(unknown.code, 1);
  });

  it("says that it was there already, which is no failure", async () => {
    await run(["add", "--dcos-file=sample.dcos"], "token");
    const { code, stdout, stderr } = await run(["add", "--dcos-file=sample.dcos"], "token");
    assert.match(stdout, /\nAdded packages:\n\t sample 1\.0-1\nNote: It will take/);
    assert.match(stderr, /\nsample 1\.0-1 was there already, with the same content\n/);
    assert.equal(code, 0);
  });

  it("needs a login to be added, which is said while the file is still being sent", async () => {
    const bundle = await writeSmallBundle(directory, { contentBytes: 40_000_000 });
    const { code, stdout, stderr } = await run(["add", "--dcos-file", bundle]);
    assert.match(
      stderr,
      /^Error response from registry: .*\n {2}at https:\S+\nHint: pass --token-file/,
    );
    assert.deepEqual([code, stdout], [4, ""]);
  });

  it("is refused in the middle of a file that is no bundle after all", async () => {
    const bundle = await writeSmallBundle(directory, { contentBytes: 40_000_000 });
    const { code, stderr } = await run(["add", "--dcos-file", bundle], "token");
    assert.match(stderr, /Error response from registry: bundle holds an unexpected entry/);
    assert.equal(code, 6);
  });

  it("passes the doctor, whose version alone is another", async () => {
    await run(["add", "--dcos-file=sample.dcos"], "token");
    const { code, stdout } = await run(["doctor", "--json"]);
    const { checks } = JSON.parse(stdout) as {
      checks: { check: string; state: string; findings?: { harmless?: boolean }[] }[];
    };
    const states = new Map(checks.map(({ check, state }) => [check, state]));
    const fine = ["vip", "certificate", "registry", "storage", "disk", "clock"];
    assert.deepEqual(
      fine.map((check) => states.get(check)),
      fine.map(() => "fine"),
      stdout,
    );
    assert.deepEqual([code, states.get("version")], [1, "found"]);
    const repository = checks.find(({ check }) => check === "repository");
    // The sample keeps a URL that is no file.
    assert.deepEqual(
      repository?.findings?.map(({ harmless }) => harmless),
      [true],
      stdout,
    );
  });
});
