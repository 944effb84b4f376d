/**
 * One walk in a thread of its own: the test runner's bookkeeping of promises would double its time.
 *
 * Also a program, `node worker.js <seed> <turns>`, that ends with an exit code.
 */
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { walk } from "./walk.ts";

if (isMainThread) {
  const [seed, turns] = process.argv.slice(2).map(Number);
  process.stdout.write(`${JSON.stringify(await walk(seed ?? 1, turns ?? 60))}\n`);
} else {
  const { seed, turns } = workerData as { seed: number; turns: number };
  parentPort?.postMessage(await walk(seed, turns));
}
