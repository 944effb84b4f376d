/**
 * O3: 200,000 malformed requests to the server process over TLS, with its storage on a disk.
 *
 * No fault, no crash, no growth of memory or open files, and nothing written but where it belongs:
 * for the server the rest of the machine is read-only, and what is in its store has the names that
 * we give and no others.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { eventually } from "../fixtures/eventually.ts";
import { heldMemory, inspected, inspectorLine } from "../fixtures/inspected-memory.ts";
import { openFiles, residentMemory } from "../fixtures/process-figures.ts";
import { readOnlyMachine } from "../fixtures/read-only-machine.ts";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { asker, type FuzzReport, repeated, runFuzz } from "../http/fuzz/run.ts";
import { buildWorld, type World } from "../http/fuzz/world.ts";

const skip = lacking("unshare", "mount");
const mebibyte = 1024 * 1024;
const seed = repeated.seed ?? 3;
const warmUp = 20_000;
const requests = 180_000;
/** Bounded caches fill up; what grows with requests would be more. */
const allowedGrowth = 16 * mebibyte;

const token = "fuzz-0123456789abcdef";
const digestPath = "(?:sha256/[0-9a-f]{2}/[0-9a-f]{64}|sha512/[0-9a-f]{2}/[0-9a-f]{128})";
const digestName = "(?:sha256-[0-9a-f]{64}|sha512-[0-9a-f]{128})";
const repository = "[a-z0-9]+(?:(?:[._!]|__|-+)[a-z0-9]+)*";
const tagName = "[A-Za-z0-9_][A-Za-z0-9._-]{0,127}";
const storeFile = new RegExp(
  `^(?:${[
    `rec/${digestPath}`,
    `data/${digestPath}\\.[0-9a-f]{18}`,
    "data/up/[0-9a-f]{2}/[0-9a-f]{32}\\.[0-9a-f]{18}",
    "session/[0-9a-f]{2}/[0-9a-f]{32}",
    `link/${repository}/${digestName}`,
    `tag/${repository}/${tagName}(?:![0-9a-f]{18})?`,
    `referrer/${repository}/${digestName}/${digestName}`,
    `(?:repo|hidden)/${repository}`,
    "package/[0-9a-f]{2}/[0-9a-f]{64}",
    "catalog(?:-copy)?|format|scrub|usage|key/signing",
    "quarantine/\\d{15}\\.[0-9a-f]{64}(?:[0-9a-f]{64})?",
  ].join("|")})$`,
);

describe("the server under fuzz", { skip }, () => {
  let scratch: string;
  let server: ServerProcess;
  let world: World;
  let inspector: string;
  let dial: () => Promise<TLSSocket>;

  before(async () => {
    scratch = await makeScratch("fuzz");
    await mkdir(path.join(scratch, "data"));
    await writeFile(path.join(scratch, "tokens"), `${token}\n`);
    const flags = ["--token-file", path.join(scratch, "tokens"), "--log-level", "error"];
    const place = readOnlyMachine(path.join(scratch, "data"));
    server = await ServerProcess.start({ directory: scratch, place, flags, env: inspected });
    inspector = inspectorLine.exec(server.log)?.[1] ?? "";
    const ca = await server.developmentCa();
    const { port } = new URL(server.url);
    dial = async () => {
      const socket = connect({ port: Number(port), host: "127.0.0.1", ca });
      await once(socket, "secureConnect");
      return socket;
    };
    world = await buildWorld(asker(dial), [
      ["Host", "localhost"],
      ["Authorization", `Bearer ${token}`],
    ]);
  });

  after(async () => {
    await server?.stop();
    await removeScratch(scratch);
  });

  async function fuzz(count: number, from: number): Promise<FuzzReport> {
    const plan = { connect: dial, seed: from, requests: count, rawShapes: count / 50 };
    const report = await runFuzz(plan, world);
    assert.deepEqual(report.failures, [], report.failures.join("\n"));
    return report;
  }

  it("answers everything, and holds no more afterwards than before", async (context) => {
    await heldMemory(inspector);
    const quiet = openFiles(server.pid);
    await fuzz(warmUp, seed);
    const settled = await heldMemory(inspector);
    const { statuses } = await fuzz(requests, seed + 1);
    const grown = (await heldMemory(inspector)) - settled;
    const inMiB = (bytes: number) => `${(bytes / mebibyte).toFixed(1)} MiB`;
    context.diagnostic(JSON.stringify([...statuses].sort()));
    context.diagnostic(`held ${inMiB(settled)} and then ${inMiB(grown)} more`);
    context.diagnostic(`resident ${inMiB(residentMemory(server.pid))}`);
    assert.ok(server.running, server.log);
    assert.ok(grown < allowedGrowth, `${grown} bytes more`);
    await eventually(() => assert.ok(openFiles(server.pid) <= quiet + 4, `of ${quiet} files`));
    assert.doesNotMatch(server.log, /"level":(?:50|60)/);
  });

  it("wrote nothing but where it belongs", async () => {
    assert.deepEqual((await readdir(scratch)).sort(), ["data", "tokens"]);
    const data = path.join(scratch, "data");
    assert.deepEqual((await readdir(data)).sort(), ["locks", "staging", "store", "tls"]);
    assert.deepEqual(await readdir(path.join(data, "staging")), []);
    const files = await readdir(path.join(data, "store"), { recursive: true, withFileTypes: true });
    const names = files
      .filter((file) => !file.isDirectory())
      .map((file) =>
        path.relative(path.join(data, "store"), path.join(file.parentPath, file.name)),
      );
    assert.ok(names.length > 1000, `${names.length} files`);
    assert.deepEqual(
      names.filter((name) => !storeFile.test(name)),
      [],
    );
  });
});
