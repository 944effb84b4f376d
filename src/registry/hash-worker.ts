/** The thread of `HashThread`: one hash state for each content, in the order in which it is told. */
import { createHash, type Hash } from "node:crypto";
import { parentPort } from "node:worker_threads";
import type { HashAnswer, HashTask } from "./hash-thread.ts";

const hashes = new Map<number, Hash>();

parentPort?.on("message", (task: HashTask) => {
  const { id } = task;
  if ("begin" in task) hashes.set(id, createHash(task.begin));
  else if ("forget" in task) hashes.delete(id);
  else if ("digest" in task) answer({ id, hex: hashOf(id).copy().digest("hex") });
  else {
    hashOf(id).update(new Uint8Array(task.buffer, 0, task.bytes));
    answer({ free: task.buffer });
  }
});

function hashOf(id: number): Hash {
  const hash = hashes.get(id);
  if (!hash) throw new Error(`no content ${id} was begun`);
  return hash;
}

function answer(message: HashAnswer): void {
  parentPort?.postMessage(message);
}
