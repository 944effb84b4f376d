/** Protects that a bundle of any size arrives: in pieces, each once, over lines that break. */
import assert from "node:assert/strict";
import { createWriteStream } from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { generatedBody } from "../fixtures/body.ts";
import { makeBundle } from "../fixtures/bundle.ts";
import { cli, startCli } from "../fixtures/cli-process.ts";
import { CuttingProxy } from "../fixtures/cutting-proxy.ts";
import type { Finished } from "../fixtures/program.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";

const MiB = 1024 * 1024;
const largest = 80 * MiB;

describe("adding a large bundle", () => {
  let scratch: string;
  let server: ServerProcess;
  let proxy: CuttingProxy;

  before(async () => {
    scratch = await makeScratch("push");
    const assets = { "large.bin": generatedBody(largest, 1), "other.bin": generatedBody(MiB, 2) };
    for (const version of ["1", "2"]) {
      const { stream } = await makeBundle({ name: "large", version, assets });
      await pipeline(stream, createWriteStream(path.join(scratch, `${version}.dcos`)));
    }
  });
  after(() => removeScratch(scratch));
  beforeEach(async () => {
    const directory = await makeScratch("push-server");
    server = await ServerProcess.start({ directory, flags: ["--log-level=debug"] });
    proxy = await CuttingProxy.start(Number(new URL(server.url).port));
  });
  afterEach(async () => {
    await proxy.close();
    await server.stop();
    await removeScratch(server.directory);
  });

  const args = (version: string): string[] => [
    ...["add", `--dcos-file=${version}.dcos`, "--progress=none"],
    ...["--url", `https://127.0.0.1:${proxy.port}`, "--ca", server.developmentCaFile],
  ];
  const options = () => ({ cwd: scratch, env: { HOME: server.directory } });
  const add = (version: string): Promise<Finished> => cli(args(version), options());

  function expectAdded({ code, stdout, stderr }: Finished, version: string): void {
    assert.equal(code, 0, stderr);
    assert.equal(
      stdout,
      "Package uploaded successfully. Please wait while it is being validated..\n" +
        `Added packages:\n\t large ${version}\n` +
        "Note: It will take a couple of minutes for the packages to be added to the registry\n",
    );
  }

  it("sends each blob once, and of the next version only what is new", async () => {
    expectAdded(await add("1"), "1");
    assert.ok(proxy.sent > largest && proxy.sent < largest + 4 * MiB, `${proxy.sent} bytes`);
    const first = proxy.sent;
    expectAdded(await add("2"), "2");
    assert.ok(proxy.sent - first < MiB / 2, `${proxy.sent - first} bytes for a new version`);
    assert.match(server.log, /"method":"PATCH"/);
  });

  it("sends nothing of a bundle that cannot fit as a whole", async () => {
    await server.stop();
    const flags = [`--limits-quota-bytes=${60 * MiB}`];
    server = await ServerProcess.start({ directory: server.directory, flags });
    await proxy.close();
    proxy = await CuttingProxy.start(Number(new URL(server.url).port));
    const { code, stderr } = await add("1");
    assert.equal(code, 8, stderr);
    assert.match(stderr, /quota has room for \d+ bytes, not for 84\d{6}/);
    assert.ok(proxy.sent < MiB, `${proxy.sent} bytes were sent`);
  });

  it("goes on where it stood when the line breaks, again and again", async () => {
    proxy.cutAfter(20 * MiB);
    const adding = add("1");
    await proxy.passed(20 * MiB);
    proxy.cutAfter(30 * MiB);
    expectAdded(await adding, "1");
    assert.equal(proxy.cuts, 2);
    // What was under way at a cut may be sent again: at most a request's worth for each.
    assert.ok(proxy.sent < largest + 2 * 32 * MiB, `${proxy.sent} bytes`);
  });

  it("goes on with the blob that a killed command was at", async () => {
    const adding = startCli(args("1"), options());
    await proxy.passed(70 * MiB);
    adding.signal("SIGKILL");
    await adding.ended();
    const before = proxy.sent;
    expectAdded(await add("1"), "1");
    assert.ok(proxy.sent - before < largest - 32 * MiB, `${proxy.sent - before} bytes again`);
  });

  it("says what to do when it is interrupted", async () => {
    const adding = startCli(args("1"), options());
    await proxy.passed(10 * MiB);
    adding.signal("SIGINT");
    const { code, stderr } = await adding.ended();
    assert.equal(code, 130);
    assert.match(stderr, /run the same command again; what the registry has by now is not sent/);
  });

  it("ends with the registry's refusal, not with attempts, when it may not write", async () => {
    const directory = await makeScratch("push-closed");
    const closed = await ServerProcess.start({ directory, flags: ["--read-only"] });
    const to = ["--url", closed.url, "--ca", closed.developmentCaFile];
    const file = ["add", "--dcos-file=1.dcos", "--progress=none"];
    const { code, stderr } = await cli([...file, ...to], options());
    await closed.stop();
    await removeScratch(directory);
    assert.equal(code, 4, stderr);
    assert.match(stderr, /this registry is read-only/);
  });
});
