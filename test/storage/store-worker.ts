/**
 * One of several processes that use the same directory; started by the tests of the filesystem store.
 *
 * Says each thing it has done over the IPC channel, so that the test knows it even when the process
 * is killed right after.
 */
import { open, unlink } from "node:fs/promises";
import path from "node:path";
import { Documents } from "../../src/storage/documents.ts";
import { FileLocks } from "../../src/storage/file-lock.ts";
import { FilesystemStore } from "../../src/storage/filesystem-store.ts";
import { PreconditionFailed } from "../../src/storage/store-error.ts";

export interface Counter {
  readonly count: number;
}

function say(message: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, {}, (error) => (error ? reject(error) : resolve()));
  });
}

/** Adds one to the document, so many times. */
async function count(root: string, times: number): Promise<void> {
  const documents = new Documents(await FilesystemStore.open(root));
  for (let turn = 0; turn < times; turn += 1) {
    await documents.update<Counter>("doc/counter", (current) => ({
      count: (current?.count ?? 0) + 1,
    }));
    await say("counted");
  }
}

/** Creates as many of the keys as nobody else does first. */
async function create(root: string, keys: number): Promise<void> {
  const store = await FilesystemStore.open(root);
  for (let key = 0; key < keys; key += 1) {
    const mine = Buffer.from(String(process.pid));
    try {
      await store.save(`race/${key}`, mine, { absent: true });
      await say(`won ${key}`);
    } catch (error) {
      if (!(error instanceof PreconditionFailed)) throw error;
    }
  }
}

/** Takes the lock and never gives it back. */
async function hold(root: string, name: string): Promise<void> {
  const locks = new FileLocks(path.join(root, "locks"));
  await locks.prepare();
  await locks.acquire(name, 0);
  await say("held");
  setInterval(() => undefined, 60_000);
}

/** Takes turns with the others, and dies in its last turn when it is told to. */
async function contend(root: string, turns: number, dies: boolean): Promise<void> {
  const locks = new FileLocks(path.join(root, "locks"));
  await locks.prepare();
  const inside = path.join(root, "inside");
  for (let turn = 0; turn < turns; turn += 1) {
    await locks.hold("contested", async () => {
      if (dies && turn === turns - 1) process.kill(process.pid, "SIGKILL");
      // Fails when anybody else is in here, too.
      await (await open(inside, "wx")).close();
      await unlink(inside);
    });
  }
  await say("through");
}

const [task, root = "", argument = "", last] = process.argv.slice(2);
const amount = Number(argument);
if (task === "count") await count(root, amount);
else if (task === "create") await create(root, amount);
else if (task === "hold") await hold(root, argument || "contested");
else if (task === "contend") await contend(root, amount, last === "dies");
else throw new Error(`no such task: ${task}`);
process.disconnect?.();
