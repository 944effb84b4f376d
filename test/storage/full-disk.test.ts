/** A disk without blocks or without inodes: refused in the port's words, nothing left, deletable. */
import { execFile, spawnSync } from "node:child_process";
import path from "node:path";
import { it } from "node:test";
import { promisify } from "node:util";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

const run = promisify(execFile);
const work = path.resolve(import.meta.dirname, "full-disk-work.js");
const mounted = ["--mount", "--propagation", "private", "--", "bash", "-c"];
const onSmallDisk = 'mount -t tmpfs -o size=4m,nr_inodes=300 none "$0" && exec "$@" "$0"';
const unable = spawnSync("unshare", [...mounted, onSmallDisk, "/mnt", "true"]).status !== 0;

it("a full disk refuses writes and takes deletes", {
  skip: unable && "needs mount namespaces",
}, async () => {
  const root = await makeScratch("full");
  try {
    await run("unshare", [...mounted, onSmallDisk, root, process.execPath, work]);
  } finally {
    await removeScratch(root);
  }
});
