/** Protects that files which are no bundles are refused here, before a byte is sent. */
import assert from "node:assert/strict";
import { mkdir, readFile, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { openBundleFile } from "../../src/cli/bundle-file.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { FakeRegistry } from "./fake-registry.ts";
import { runInProcess } from "./run-in-process.ts";
import { writeSmallBundle } from "./small-bundle.ts";

let directory: string;
let registry: FakeRegistry;
let bundle: Buffer;

before(async () => {
  directory = await makeScratch("cli-bundle");
  registry = await FakeRegistry.start();
  bundle = await readFile(await writeSmallBundle(directory, { contentBytes: 2_000_000 }));
});
after(async () => {
  await registry.stop();
  await removeScratch(directory);
});

async function add(content: Buffer | string): Promise<{ code: number; stderr: string }> {
  await writeFile(path.join(directory, "x.dcos"), content);
  const args = ["add", "--dcos-file", "x.dcos", "--url", registry.url];
  const { code, stderr } = await runInProcess(args, { workingDirectory: directory });
  return { code, stderr };
}

describe("a file that is no bundle", () => {
  const zip = Buffer.concat([Buffer.from("PK\u0003\u0004"), Buffer.alloc(600)]);
  const cases: readonly [string, () => Buffer | string, RegExp][] = [
    ["is empty", () => "", /the file is empty/],
    ["is one byte", () => "x", /it is not a tar archive/],
    ["is a zip", () => zip, /it is a zip archive/],
    ["is compressed", () => gzipSync(bundle), /it is compressed with gzip/],
    ["is an error page", () => "<!DOCTYPE html><html>404</html>", /it is an HTML page/],
    ["is a build definition", () => '{"name":"x"}', /it is a JSON document/],
    [
      "is cut off",
      () => bundle.subarray(0, 1_000_000),
      /bundle is truncated: it ends after 1000000/,
    ],
    ["is cut off at a block", () => bundle.subarray(0, 512 * 100), /bundle is truncated/],
    ["holds an image", () => renamed("repositories"), /it is an archive of docker save/],
    ["holds other files", () => renamed("README.md"), /unexpected entry: "README\.md"/],
  ];
  for (const [title, content, pattern] of cases) {
    it(`${title}: refused with exit code 6 and nothing sent`, async () => {
      registry.asked.length = 0;
      const { code, stderr } = await add(content());
      assert.match(stderr.split("\n")[0] ?? "", /^Error: /);
      assert.match(stderr, pattern);
      assert.match(stderr, /\n {2}at x\.dcos\nHint: .* {3}\[BUNDLE_INVALID\]\n$/);
      assert.equal(code, 6);
      assert.deepEqual(registry.asked, []);
    });
  }

  it("is missing, or a directory: refused with exit code 1", async () => {
    await mkdir(path.join(directory, "folder"));
    for (const file of ["missing", "folder"]) {
      const args = ["add", "--dcos-file", file, "--url", registry.url];
      const { code, stderr } = await runInProcess(args, { workingDirectory: directory });
      assert.match(stderr, /^Error: (?:no such file|is a directory)\n {2}at (?:missing|folder)\n/);
      assert.equal(code, 1);
    }
  });

  it("becomes shorter while it is sent: noticed", async () => {
    const file = path.join(directory, "shrinking.dcos");
    await writeFile(file, bundle);
    const opened = await openBundleFile("shrinking.dcos", directory);
    const reading = opened.read(() => {});
    await reading.next();
    await truncate(file, 1_100_000);
    await reading.next();
    await assert.rejects(reading.next(), /the file became shorter while it was sent/);
    await opened.close();
  });
});

/** The bundle with another name, of the same archive form, in its first header. */
function renamed(name: string): Buffer {
  const copy = Buffer.from(bundle);
  copy.fill(0, 0, 100).write(name, 0, "latin1");
  copy.fill(" ", 148, 156);
  let sum = 0;
  for (const byte of copy.subarray(0, 512)) sum += byte;
  copy.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return copy;
}
