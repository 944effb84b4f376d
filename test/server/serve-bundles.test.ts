/**
 * D9: `serve FILE.dcos`: every generation of Cosmos takes what is served, and the start takes no longer for a
 * large file than for a small one.
 */
import assert from "node:assert/strict";
import { createWriteStream, readFileSync } from "node:fs";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { after, before, describe, it } from "node:test";
import { Client } from "undici";
import { formatViolation } from "../../src/cosmos/violation.ts";
import { checkRepository } from "../cosmos/check-repository.ts";
import { generatedBody } from "../fixtures/body.ts";
import { makeBundle } from "../fixtures/bundle.ts";
import { registryName } from "../fixtures/namespace.ts";
import { Program, processTree } from "../fixtures/program.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { projectRoot } from "../fixtures/server-process.ts";
import { sized } from "../soak.ts";

const MiB = 1024 * 1024;
const largeBytes = sized(128 * MiB, 4096 * MiB);
/** From the start of the process to the first answer; CI's machines do other things meanwhile. */
const startMs = sized(60_000, 1000);

const entries = { "dcos-registry-server": "main.js", "dcos-registry": "cli.js" } as const;

interface Start {
  readonly program: Program;
  readonly url: string;
  /** From the start of the process to the first answer. */
  readonly ms: number;
  /** Bytes that all its processes have read until then, from files and sockets. */
  readonly read: number;
}

describe("bundles served as they are", () => {
  let scratch: string;
  const running = new Set<Program>();

  before(async () => {
    scratch = await makeScratch("serve-bundles");
    for (const [name, size] of [
      ["small", 1024],
      ["large", largeBytes],
    ] as const) {
      const assets = { "payload.bin": generatedBody(size, size) };
      const { stream } = await makeBundle({ name, version: "1", assets });
      await pipeline(stream, createWriteStream(path.join(scratch, `${name}.dcos`)));
    }
  });
  after(async () => {
    await Promise.all(Array.from(running, (program) => program.stop()));
    await removeScratch(scratch);
  });

  /** @param files without their suffix; more flags may follow */
  async function start(entry: keyof typeof entries, ...files: readonly string[]): Promise<Start> {
    const words = files.map((word) => (word.startsWith("--") ? word : `${word}.dcos`));
    const begun = performance.now();
    const program = new Program(
      process.execPath,
      [
        path.join(projectRoot, "dist/src", entries[entry]),
        ...["serve", ...words, "--listen=127.0.0.1:0"],
      ],
      { cwd: scratch, env: { HOME: scratch } },
    );
    running.add(program);
    const [, url = ""] = await program.waitFor("stdout", /^Listening on (\S+)$/m);
    const client = new Client(url, { connect: { ca: authority() } });
    const answer = await client.request({ method: "GET", path: "/repo" });
    await answer.body.dump();
    const ms = performance.now() - begun;
    assert.equal(answer.statusCode, 200);
    await client.close();
    return { program, url, ms, read: bytesRead(program.pid) };
  }
  const authority = (): string => readFileSync(path.join(scratch, "data/tls/ca.crt"), "utf8");

  it("pass every rule of the stand-in checker, for every profile, the last file being the default", async () => {
    const first = await makeBundle({ name: "small", version: "2" });
    await pipeline(first.stream, createWriteStream(path.join(scratch, "newer.dcos")));
    const name = `--public-url=https://${registryName}`;
    const { url, program } = await start("dcos-registry-server", "newer", "small", "large", name);
    const { port } = new URL(url);
    const violations = await checkRepository(`https://${registryName}/repo`, {
      ca: authority(),
      resolve: () => ({ host: "127.0.0.1", port: Number(port) }),
      newest: { small: "1", large: "1" },
      originalName: () => undefined,
    });
    assert.deepEqual(violations.map(formatViolation), []);
    await program.stop();
  });

  for (const entry of ["dcos-registry-server", "dcos-registry"] as const) {
    it(`are there at once by ${entry} serve, however large they are`, async (test) => {
      const small = await start(entry, "small");
      await small.program.stop();
      const large = await start(entry, "large");
      await large.program.stop();
      const size = `${largeBytes / MiB} MiB`;
      test.diagnostic(`${Math.round(small.ms)} ms; with ${size} ${Math.round(large.ms)} ms`);
      assert.ok(large.ms < startMs, `${large.ms} ms`);
      // Time depends on the machine, what is read does not.
      assert.ok(large.read - small.read < MiB, `${large.read} and ${small.read} bytes read`);
    });
  }
});

function bytesRead(pid: number): number {
  return processTree(pid)
    .map((each) => /^rchar: (\d+)$/m.exec(readFileSync(`/proc/${each}/io`, "utf8")))
    .reduce((sum, match) => sum + Number(match?.[1] ?? 0), 0);
}
