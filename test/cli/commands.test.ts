/** Protects what users and scripts see of add, describe, list, remove and health. */
import assert from "node:assert/strict";
import { stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { FakeRegistry } from "./fake-registry.ts";
import { type CliRun, type CliRunOptions, runInProcess } from "./run-in-process.ts";
import { writeSmallBundle } from "./small-bundle.ts";

const authority = new CertificateAuthority();
let directory: string;
let registry: FakeRegistry;

before(async () => {
  directory = await makeScratch("cli");
  await writeFile(path.join(directory, "ca.crt"), authority.certificate);
});
after(() => removeScratch(directory));
beforeEach(async () => {
  registry = await FakeRegistry.start({ tls: authority.issue("127.0.0.1") });
});
afterEach(() => registry.stop());

function run(args: readonly string[], options: CliRunOptions = {}): Promise<CliRun> {
  return runInProcess([...args, "--url", registry.url, "--ca", "ca.crt"], {
    workingDirectory: directory,
    ...options,
  });
}

describe("add", () => {
  it("prints the lines of the original, TAB and blanks included", async () => {
    await writeSmallBundle(directory, { name: "hello", version: "1.0" });
    const { code, stdout, stderr } = await run(["add", "--dcos-file", "hello-1.0.dcos"]);
    assert.equal(
      stdout,
      "Package uploaded successfully. Please wait while it is being validated..\n" +
        "Added packages:\n" +
        "\t hello 1.0\n" +
        "Note: It will take a couple of minutes for the packages to be added to the registry\n",
    );
    assert.match(stderr, /^File Upload progress: \[={38}\] 3\.1 kB\/3\.1 kB\n/);
    assert.match(stderr, /\nNext: dcos-registry describe --package-name=hello /);
    assert.equal(code, 0);
  });

  it("prints only JSON on stdout with --json", async () => {
    await writeSmallBundle(directory);
    const { code, stdout } = await run(["add", "--dcos-file=hello-1.0.dcos", "--json"]);
    const { packages } = JSON.parse(stdout);
    assert.deepEqual(
      { name: packages[0].name, version: packages[0].version, status: packages[0].status },
      { name: "hello", version: "1.0", status: "Added" },
    );
    assert.equal(code, 0);
  });

  it("prints nothing but data when quiet", async () => {
    await writeSmallBundle(directory);
    const { stdout, stderr } = await run(["add", "-q", "--dcos-file", "hello-1.0.dcos"]);
    assert.deepEqual([stdout, stderr], ["Added packages:\n\t hello 1.0\n", ""]);
  });

  it("sends every byte of a bundle of many chunks", async () => {
    const file = await writeSmallBundle(directory, { name: "big", contentBytes: 5_000_000 });
    const { code } = await run(["add", "--dcos-file", file, "--progress", "none"]);
    assert.equal(code, 0);
    assert.deepEqual(registry.received, [(await stat(file)).size]);
  });

  it("tells the registry's refusal from an own error", async () => {
    await writeSmallBundle(directory);
    const file = path.join(directory, "hello-1.0.dcos");
    registry.instead = (request, response) => {
      request.resume().on("end", () => {
        response.writeHead(409, { "Content-Type": "application/json" });
        const message = "hello 1.0 is already in the registry with different content";
        response.end(JSON.stringify({ type: "PackageConflict", message, data: null }));
      });
    };
    const { code, stderr } = await run(["add", "--dcos-file", file]);
    assert.match(stderr, /\nError response from registry: hello 1\.0 is already in the registry/);
    assert.equal(code, 7);
  });
});

describe("describe", () => {
  it("prints what the registry knows, and `status` with --json", async () => {
    await addHello();
    const human = await run(["describe", "--package-name=hello", "--package-version=1.0"]);
    assert.match(human.stdout, /^hello 1\.0: Added\n/);
    assert.match(human.stdout, /redis:7 -> registry\.test:443\/hello\/library\/redis:7-/);
    assert.match(human.stdout, /a\.zip \(1\.2 MB\)\n$/);
    const json = await run(["describe", "--package-name", "hello", "--json"]);
    assert.equal(JSON.parse(json.stdout).status, "Added");
    assert.equal(json.code, 0);
  });

  it("ends with 1 and the words of the original on stderr for an unknown version", async () => {
    const args = ["describe", "--package-name=x", "--package-version=2.0", "--json"];
    const { code, stdout, stderr } = await run(args);
    assert.equal(stderr.split("\n")[0], "Version [2.0] of package [x] not found");
    assert.deepEqual([code, stdout], [1, ""]);
  });
});

describe("list", () => {
  it("prints a table, and JSON with --json", async () => {
    await addHello();
    const human = await run(["list"]);
    assert.equal(human.stdout, "NAME    VERSION   STATUS\nhello   1.0       Added\n");
    const json = await run(["list", "--json"]);
    assert.equal(JSON.parse(json.stdout).packages[0].name, "hello");
  });

  it("keeps stdout empty when there are no packages", async () => {
    const { code, stdout, stderr } = await run(["list"]);
    assert.deepEqual([code, stdout], [0, ""]);
    assert.match(stderr, /^No packages yet/);
  });

  it("makes control characters of a hostile registry harmless", async () => {
    registry.instead = (_request, response) => {
      const packages = [{ name: "\u001b]0;owned\u0007", version: "1\u202e" }];
      response.setHeader("Content-Type", "application/json").end(JSON.stringify({ packages }));
    };
    const { stdout } = await run(["list"]);
    assert.match(stdout, /\n\?]0;owned\? +1\?\n$/);
  });
});

describe("remove", () => {
  const hello = ["remove", "--package-name", "hello", "--package-version", "1.0"];

  it("removes without asking where nobody can be asked", async () => {
    await addHello();
    const { code, stdout } = await run(hello);
    assert.deepEqual([code, stdout], [0, "Removed hello 1.0\n"]);
    assert.match((await run(["list"])).stderr, /^No packages yet/);
  });

  it("asks for the name at a terminal", async () => {
    await addHello();
    const input = { stream: Readable.from(["hello\n"]), interactive: true };
    const { code, stdout, stderr } = await run(hello, { input });
    assert.deepEqual([code, stdout], [0, "Removed hello 1.0\n"]);
    assert.match(stderr, /^This removes hello 1\.0 \(images: 1, assets: 1\)\.\nType the name/);
  });

  for (const answer of ["no\n", ""]) {
    it(`removes nothing when the answer is ${JSON.stringify(answer)}`, async () => {
      await addHello();
      const input = { stream: Readable.from([answer]), interactive: true };
      const { code } = await run(hello, { input });
      assert.equal(code, 2);
      assert.match((await run(["list"])).stdout, /hello/);
    });
  }

  it("does not ask with --yes", async () => {
    await addHello();
    const input = { stream: Readable.from([]), interactive: true };
    assert.equal((await run([...hello, "--yes", "--json"], { input })).code, 0);
  });

  it("says by when the bytes of what is removed for good are free", async () => {
    await addHello();
    const input = { stream: Readable.from(["hello\n"]), interactive: true };
    const { code, stdout, stderr } = await run([...hello, "--now"], { input });
    assert.equal(code, 0);
    assert.equal(
      stdout,
      "Removed hello 1.0\nWhat nothing else uses of its content is freed by 2026-01-02T00:00:00.000Z.\n",
    );
    assert.match(stderr, /^Services that run from it will not find its images and files again\.$/m);
  });

  it("changes nothing with --dry-run", async () => {
    await addHello();
    const { code, stdout } = await run([...hello, "--dry-run"]);
    assert.deepEqual([code, stdout], [0, "Would remove hello 1.0 (images: 1, assets: 1)\n"]);
    assert.match((await run(["list"])).stdout, /hello/);
  });

  it("ends with 3 for what is not there", async () => {
    const { code, stderr } = await run(hello);
    assert.equal(code, 3);
    assert.match(stderr, /^Error response from registry: Version \[1\.0\] of package \[hello\]/);
  });
});

describe("gc", () => {
  it("says what was freed and what will be", async () => {
    const { code, stdout, stderr } = await run(["gc"]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^Freed 1 blob\(s\), 1(?:\.0)? MB\nUnreferenced, .*: 2 blob\(s\), 2/m);
  });

  it("frees nothing in a dry run", async () => {
    const { code, stdout } = await run(["gc", "--dry-run"]);
    assert.equal(code, 0);
    assert.match(stdout, /^Unreferenced: 3 blob\(s\), 3/);
    const json = JSON.parse((await run(["gc", "--dry-run", "--json"])).stdout);
    assert.deepEqual([json.dryRun, json.report.collected], [true, 0]);
  });
});

describe("scrub", () => {
  it("asks for a verification and does not wait for it", async () => {
    const { code, stdout, stderr } = await run(["scrub"]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "Requested: it begins in a moment\n");
    assert.equal(registry.asked.at(-1), "POST /scrub");
  });

  it("waits for its end when it is told to", async () => {
    const { code, stdout, stderr } = await run(["scrub", "--wait"]);
    assert.equal(code, 0, stderr);
    const time = "2026-01-01T00:00:00.000Z";
    assert.equal(stdout, `Waiting\nLast verified: ${time}, 3 blob(s), 3.0 MB\n`);
  });

  it("shows how it goes without asking for anything", async () => {
    await run(["scrub"]);
    await run(["scrub", "--status"]);
    const { code, stdout } = await run(["scrub", "--status"]);
    assert.deepEqual([code, stdout], [0, "Running: 1.0 MB verified\n"]);
    const asked = registry.asked.filter((one) => one.startsWith("POST"));
    assert.deepEqual(asked, ["POST /scrub"]);
  });

  it("names what is damaged, and fails", async () => {
    registry.damages = [
      { digest: "sha256:aa", key: "rec/aa", why: "its data is cut off" },
      { key: "tag/a/b", why: "it cannot be read" },
    ];
    const { code, stdout, stderr } = await run(["scrub", "--status"]);
    assert.match(stdout, /^Damaged: sha256:aa: its data is cut off\nDamaged: tag\/a\/b: it can/m);
    assert.match(stderr, /^Error: damaged: 2 blob\(s\) or document\(s\)\n/);
    assert.equal(code, 6);
    const document = JSON.parse((await run(["scrub", "--json"])).stdout);
    assert.deepEqual([document.state, document.damages.length], ["requested", 2]);
  });
});

describe("health", () => {
  it("prints each check", async () => {
    const { code, stdout } = await run(["health"]);
    assert.deepEqual([code, stdout], [0, "/repo: Healthy: Able to find 0 package(s).\n"]);
  });

  it("ends with 1 when a check fails, having printed all", async () => {
    registry.checks["storage"] = { Unhealthy: { message: "disk almost full" } };
    const { code, stdout, stderr } = await run(["health", "--json"]);
    assert.equal(JSON.parse(stdout).checks.storage.Unhealthy.message, "disk almost full");
    assert.match(stderr, /^Error: unhealthy: storage\n/);
    assert.equal(code, 1);
  });
});

async function addHello(): Promise<void> {
  await writeSmallBundle(directory);
  const { code, stderr } = await run(["add", "--dcos-file", "hello-1.0.dcos"]);
  assert.equal(code, 0, stderr);
}
