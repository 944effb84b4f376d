/** Export of a real registry, and restore into an empty one: the same files, the same `/repo`. */
import assert from "node:assert/strict";
import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { fixedBody } from "../fixtures/body.ts";
import { bundleBytes, makeBundle } from "../fixtures/bundle.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { pattern } from "../storage/bytes.ts";
import { type CliRun, runInProcess } from "./run-in-process.ts";

const names = ["--public-url=https://registry.example", "--image-host=registry.example:443"];

let scratch: string;
let server: ServerProcess;
/** File name → bytes, as the packages were added. */
const added = new Map<string, Buffer>();

before(async () => {
  scratch = await makeScratch("backup");
  server = await start("first");
  // The newest is not the highest, and was not added last.
  const wanted: [string, string, number][] = [
    ["beta", "2.0", 1_600_000_300],
    ["alpha", "1.0", 1_600_000_100],
    ["beta", "1.0", 1_600_000_400],
    ["beta", "1.5", 1_600_000_200],
  ];
  for (const [name, version, release] of wanted) {
    // One is so large that it is restored blob by blob.
    const asset = fixedBody(pattern(name === "alpha" ? 9_000_000 : 100_000, release));
    const bundle = await makeBundle({ name, version, assets: { "data.bin": asset } });
    const bytes = await bundleBytes(bundle);
    added.set(`${name}-${version}.dcos`, bytes);
    await post(`/package/add?releaseVersion=${release}`, bytes);
  }
});
after(async () => {
  await server.stop();
  await removeScratch(scratch);
});

async function start(name: string): Promise<ServerProcess> {
  await mkdir(path.join(scratch, name));
  return ServerProcess.start({ directory: path.join(scratch, name), flags: names });
}

async function post(route: string, body: Buffer): Promise<void> {
  const client = await server.client();
  const headers = { "content-type": "application/x-tar" };
  const answer = await client.request({ method: "POST", path: route, headers, body });
  assert.equal(answer.statusCode, 200, await answer.body.text());
  await client.close();
}

function run(args: readonly string[], where = server): Promise<CliRun> {
  const connection = ["--url", where.url, "--ca", where.developmentCaFile];
  return runInProcess([...args, ...connection], { workingDirectory: scratch });
}

async function repository(where: ServerProcess): Promise<string> {
  const client = await where.client();
  const { body } = await client.request({ method: "GET", path: "/repo" });
  const text = await body.text();
  await client.close();
  return text;
}

const place = (...parts: string[]) => path.join(scratch, ...parts);

describe("export", () => {
  it("writes every package as it was built, and a list beside them", async () => {
    const { code, stdout, stderr } = await run(["export", "--all", "--output=all"]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.split("\n").sort(), [
      "",
      "Exported alpha 1.0 to all/alpha-1.0.dcos",
      "Exported beta 1.0 to all/beta-1.0.dcos",
      "Exported beta 1.5 to all/beta-1.5.dcos",
      "Exported beta 2.0 to all/beta-2.0.dcos",
    ]);
    assert.deepEqual((await readdir(place("all"))).sort(), [...added.keys(), "export.json"].sort());
    for (const [file, bytes] of added) assert.ok(bytes.equals(await readFile(place("all", file))));
    const { packages } = JSON.parse(await readFile(place("all/export.json"), "utf8"));
    assert.deepEqual(
      packages.map((one: Record<string, unknown>) => [one["file"], one["releaseVersion"]]),
      [
        ["alpha-1.0.dcos", 1_600_000_100],
        ["beta-1.5.dcos", 1_600_000_200],
        ["beta-2.0.dcos", 1_600_000_300],
        ["beta-1.0.dcos", 1_600_000_400],
      ],
    );
  });

  it("fetches nothing again that is there and whole", async () => {
    const { stdout, stderr } = await run(["export", "--all", "--output=all", "-v"]);
    assert.match(stdout, /^(all\/\S+ is there already\n){4}$/);
    assert.doesNotMatch(stderr, /> GET/);
    await truncate(place("all/beta-2.0.dcos"), 5_000);
    const again = await run(["export", "--all", "--output=all"]);
    assert.match(again.stdout, /Exported beta 2\.0/);
    assert.equal((again.stdout.match(/Exported/g) ?? []).length, 1);
  });

  it("takes the packages that are named, all versions or one", async () => {
    const one = await run(["export", "beta:1.5", "alpha", "--output=some", "--json"]);
    const { packages } = JSON.parse(one.stdout);
    assert.deepEqual(packages.map(({ file }: { file: string }) => file).sort(), [
      "alpha-1.0.dcos",
      "beta-1.5.dcos",
    ]);
    await run(["export", "beta", "--output=some"]);
    const list = JSON.parse(await readFile(place("some/export.json"), "utf8"));
    assert.equal(list.packages.length, 4, "what was exported before stays in the list");
  });

  it("reads what is there again when asked to, and replaces what has rotted", async () => {
    const file = place("all/alpha-1.0.dcos");
    const bytes = Buffer.from(await readFile(file));
    bytes.writeUInt8(bytes.readUInt8(60_000) ^ 1, 60_000);
    await writeFile(file, bytes);
    assert.match((await run(["export", "alpha", "--output=all"])).stdout, /is there already/);
    const { stdout } = await run(["export", "alpha", "--output=all", "--verify"]);
    assert.match(stdout, /^Exported alpha/);
    assert.ok((await readFile(file)).equals(added.get("alpha-1.0.dcos") ?? Buffer.alloc(0)));
  });

  it("goes on with what an earlier run has left, if it is right", async () => {
    const whole = added.get("beta-1.0.dcos") ?? Buffer.alloc(0);
    const { packages } = JSON.parse(await readFile(place("all/export.json"), "utf8"));
    const { root } = packages.find(({ file }: { file: string }) => file === "beta-1.0.dcos");
    const partial = place("all", `beta-1.0.dcos.${root.slice(7, 19)}.partial`);
    await rm(place("all/beta-1.0.dcos"));
    await writeFile(partial, whole.subarray(0, 70_000));
    const resumed = await run(["export", "beta:1.0", "--output=all", "--progress=json"]);
    assert.match(resumed.stdout, /^Exported beta 1\.0/);
    assert.doesNotMatch(resumed.stderr, /"bytes":[1-6]?\d{1,4},/, "nothing below what was there");

    await rm(place("all/beta-1.0.dcos"));
    await writeFile(partial, Buffer.alloc(70_000));
    const wrong = await run(["export", "beta:1.0", "--output=all"]);
    assert.equal(wrong.code, 6, wrong.stderr);
    assert.match((await run(["export", "beta:1.0", "--output=all"])).stdout, /^Exported beta 1\.0/);
    assert.equal(digestOf(await readFile(place("all/beta-1.0.dcos"))), digestOf(whole));
  });

  it("says what it is asked for and does not find", async () => {
    const unknown = await run(["export", "gamma", "--output=none"]);
    assert.deepEqual(
      [unknown.code, unknown.stderr.split("\n")[0]],
      [3, "Error: gamma is not in the registry"],
    );
    assert.equal((await run(["export", "--output=none"])).code, 2);
    assert.equal((await run(["export", "beta", "--all", "--output=none"])).code, 2);
  });
});

describe("restore", () => {
  it("gives an empty registry the same /repo, releaseVersions included", async () => {
    const second = await start("second");
    try {
      const { code, stdout, stderr } = await run(["restore", "all"], second);
      assert.equal(code, 0, stderr);
      assert.match(
        stdout,
        /^Restored alpha 1\.0\nRestored beta 1\.5\nRestored beta 2\.0\nRestored beta 1\.0\n$/,
      );
      assert.equal(await repository(second), await repository(server));
      const again = await run(["restore", "all"], second);
      assert.match(again.stdout, /^(\S+ \S+ is there already\n){4}$/);
      await run(["export", "--all", "--output=back"], second);
      for (const [file, bytes] of added)
        assert.ok(bytes.equals(await readFile(place("back", file))));
    } finally {
      await second.stop();
    }
  });

  it("brings back all it can, and names the rest", async () => {
    const third = await start("third");
    try {
      const other = await makeBundle({ name: "beta", version: "2.0" });
      await writeFile(place("other.dcos"), await bundleBytes(other));
      assert.equal((await run(["add", "--dcos-file=other.dcos"], third)).code, 0);
      await cp(place("all"), place("broken"), { recursive: true });
      await truncate(place("broken/alpha-1.0.dcos"), 1_024);
      const { code, stdout, stderr } = await run(["restore", "broken", "--json"], third);
      const states = JSON.parse(stdout).packages.map(
        ({ name, version, state }: Record<string, string>) => `${name} ${version} ${state}`,
      );
      assert.deepEqual(states, [
        "alpha 1.0 failed",
        "beta 1.5 restored",
        "beta 2.0 failed",
        "beta 1.0 restored",
      ]);
      assert.match(stderr, /2 of 4 packages were not restored/);
      assert.equal(code, 6);
    } finally {
      await third.stop();
    }
  });

  it("refuses a directory that holds no export, and a list that leads out of it", async () => {
    assert.equal((await run(["restore", "."])).code, 6);
    await cp(place("all"), place("bad"), { recursive: true });
    const text = await readFile(place("bad/export.json"), "utf8");
    await writeFile(place("bad/export.json"), text.replace('"alpha-1.0.dcos"', '"../other.dcos"'));
    const { code, stderr } = await run(["restore", "bad"]);
    assert.match(stderr, /a package in it is not complete: alpha 1\.0/);
    assert.equal(code, 6);
  });
});
