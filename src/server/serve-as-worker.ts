/** One worker of a server: its parent claims the storage, tells when to begin, and when to stop. */
import cluster from "node:cluster";
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import { aborted } from "./aborted.ts";
import { openCoherence } from "./coherence.ts";
import { ParentCollection } from "./collection-channel.ts";
import { startInstance } from "./instance.ts";
import { joinStorage } from "./storage.ts";
import { awaitGo, type WorkerReady } from "./workers.ts";

export async function serveAsWorker(config: Config, log: Logger, stop: AbortSignal): Promise<void> {
  await awaitGo(stop);
  if (!stop.aborted) await join(config, log, stop);
  cluster.worker?.disconnect();
}

async function join(config: Config, log: Logger, stop: AbortSignal): Promise<void> {
  const storage = await joinStorage(config, log);
  const coherence = openCoherence(storage);
  const collection = new ParentCollection();
  const instance = await startInstance(config, { storage, coherence, collection }, log);
  const { port } = instance.config.listen;
  process.send?.({ ready: true, port, identified: instance.identified } satisfies WorkerReady);
  await aborted(stop);
  await instance.stop();
  await storage.end();
}
