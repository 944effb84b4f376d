/** Durable before acknowledged, shown on the system calls of a real process. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { type Acknowledgement, ForgetfulDisk } from "./sync-trace.ts";

const run = promisify(execFile);
const work = path.resolve(import.meta.dirname, "durable-work.js");
const calls = [
  "fsync,fdatasync,mkdir,mkdirat,rename,renameat,renameat2,link,linkat",
  "write,pwrite64,writev,pwritev,access,faccessat,faccessat2",
].join(",");

describe("a disk that forgets what was not synced", () => {
  const root = "/data";
  const write = '7 write(9</data/staging/s>, "x", 1) = 1';
  const link = '7 link("/data/staging/s", "/data/store/k") = 0';
  const sync = "7 fdatasync(9</data/staging/s>) = 0";
  const syncName = "7 fsync(9</data/store>) = 0";
  const say = '7 access("/acknowledged/it", F_OK) = -1 ENOENT (No such file or directory)';
  const lost = (...lines: string[]): readonly string[] | undefined =>
    new ForgetfulDisk(root).play([...lines, say].join("\n"))[0]?.lost;

  it("keeps what is synced, content first and name last", () => {
    assert.deepEqual(lost(write, sync, link, syncName), []);
  });

  it("loses content that was never synced, or written again behind the sync", () => {
    assert.deepEqual(lost(write, link, syncName), ["content of /data/store/k"]);
    assert.deepEqual(lost(write, sync, write, link, syncName), ["content of /data/store/k"]);
  });

  it("loses names whose directory was not synced, or too early", () => {
    assert.deepEqual(lost(write, sync, link), ["name of /data/store/k"]);
    assert.deepEqual(lost(write, sync, syncName, link), ["name of /data/store/k"]);
    const early = "8 fsync(9</data/store> <unfinished ...>";
    assert.deepEqual(lost(write, sync, early, link, "8 <... fsync resumed>) = 0"), [
      "name of /data/store/k",
    ]);
  });

  it("loses directories, and does not count a sync that failed", () => {
    assert.deepEqual(lost('7 mkdir("/data/store/d", 0777) = 0'), ["name of /data/store/d"]);
    const failed = "7 fsync(9</data/store>) = -1 EIO (Input/output error)";
    assert.deepEqual(lost(write, sync, link, failed), ["name of /data/store/k"]);
  });
});

const missing = spawnSync("strace", ["-f", "-o", "/dev/null", "true"]).status !== 0;

describe("filesystem store", { skip: missing && "needs strace" }, () => {
  let scratch: string;
  let acknowledged: readonly Acknowledgement[] = [];

  before(async () => {
    scratch = await makeScratch("sync");
    await mkdir(path.join(scratch, "there"));
    const root = path.join(scratch, "there/not/yet");
    const trace = path.join(scratch, "trace");
    const tracing = ["-f", "-y", "-s", "4096", "-e", `trace=${calls}`, "-o", trace];
    await run("strace", [...tracing, process.execPath, work, root]);
    acknowledged = new ForgetfulDisk(root).play(await readFile(trace, "utf8"));
  });
  after(() => removeScratch(scratch));

  it("has nothing to lose at any acknowledgement", () => {
    assert.equal(acknowledged.length, 18);
    for (const { name, lost } of acknowledged) assert.deepEqual(lost, [], name);
  });

  it("does not acknowledge, or show, what could not be synced", async () => {
    const root = path.join(scratch, "failing");
    const failing = ["-P", `${root}/store/doc`, "-e", "inject=fsync:error=EIO"];
    const tracing = ["-f", "-e", "trace=fsync", ...failing, "-o", "/dev/null"];
    const script = path.resolve(import.meta.dirname, "failing-sync-work.js");
    await run("strace", [...tracing, process.execPath, script, root]);
  });
});
