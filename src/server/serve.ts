/** Serves until told to stop: alone, or as parent of several workers. */
import cluster from "node:cluster";
import type { Logger } from "pino";
import { type Config, withPort } from "../config.ts";
import type { Served } from "./banner.ts";
import { openCoherence } from "./coherence.ts";
import { createCollection, type ServerCollection } from "./collection.ts";
import { answerWorker, ParentCollection } from "./collection-channel.ts";
import { provideCertificate } from "./credentials.ts";
import { startInstance } from "./instance.ts";
import { openFigures, serveMetrics } from "./metrics.ts";
import { createScrub } from "./scrubbing.ts";
import { sendToStatsd } from "./statsd.ts";
import { claimStorage, joinStorage, type Storage } from "./storage.ts";
import { Workers } from "./workers.ts";

type Stop = () => Promise<void>;

/**
 * @param started called once, when requests are answered
 * @param stop    aborted to end; requests in flight are let finish
 */
export async function serve(
  config: Config,
  log: Logger,
  started: (served: Served) => void,
  stop: AbortSignal,
): Promise<void> {
  await serveStorage(config, () => claimStorage(config, log), log, started, stop);
}

/** The same with a storage of the caller's. */
export async function serveStorage(
  config: Config,
  claim: () => Promise<Storage>,
  log: Logger,
  started: (served: Served) => void,
  stop: AbortSignal,
): Promise<void> {
  const ends: Stop[] = [];
  try {
    const storage = await claim();
    ends.push(() => storage.end());
    const scrub = createScrub(config, storage, log);
    ends.push(() => scrub.stop());
    const { served, end, collecting } = await (config.workers > 1
      ? startWorkers(config, storage, log)
      : startAlone(config, storage, log));
    ends.push(() => collecting.stop());
    ends.push(end);
    ends.push(...(await tellFigures(config, log)));
    started(served);
    collecting.start();
    scrub.start();
    await aborted(stop);
    log.info("stopping");
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

/** To whoever scrapes, and to whom DC/OS has named. */
async function tellFigures({ metricsListen, statsd }: Config, log: Logger): Promise<Stop[]> {
  const read = openFigures();
  return [
    ...(metricsListen ? [await serveMetrics(metricsListen, read)] : []),
    ...(statsd ? [sendToStatsd(statsd, read, log)] : []),
  ];
}

/** In a worker: the parent has claimed the storage and tells when to stop. */
export async function serveAsWorker(config: Config, log: Logger, stop: AbortSignal): Promise<void> {
  const storage = await joinStorage(config, log);
  const coherence = openCoherence(storage);
  const collection = new ParentCollection();
  const instance = await startInstance(config, { storage, coherence, collection }, log);
  const { port } = instance.config.listen;
  process.send?.({ ready: true, port, identified: instance.identified });
  await aborted(stop);
  await instance.stop();
  await storage.end();
  cluster.worker?.disconnect();
}

interface Started {
  readonly served: Served;
  readonly collecting: ServerCollection;
  readonly end: Stop;
}

async function startAlone(config: Config, storage: Storage, log: Logger): Promise<Started> {
  const coherence = openCoherence(storage);
  const collecting = createCollection(config, { storage, changes: coherence.changes }, log);
  const { collection } = collecting;
  const instance = await startInstance(config, { storage, coherence, collection }, log);
  const { certificate, identified, stop, config: actual } = instance;
  const { developmentCa } = certificate;
  return {
    served: { config: actual, identified, ...(developmentCa && { developmentCa }) },
    collecting,
    end: stop,
  };
}

async function startWorkers(config: Config, storage: Storage, log: Logger): Promise<Started> {
  // Before they start, so that they find one certificate instead of each making its own.
  const renewing = new AbortController();
  const { developmentCa } = await provideCertificate(config, "renew", renewing.signal, log);
  const workers = new Workers(log, () => process.kill(process.pid, "SIGTERM"));
  const collecting = createCollection(config, { storage, changes: workers.changes }, log);
  workers.onStart((worker) => answerWorker(worker, collecting.collection));
  const { port, identified } = await workers.start(config.workers);
  const served = { config: withPort(config, port), identified };
  return {
    served: { ...served, ...(developmentCa && { developmentCa }) },
    collecting,
    end: async () => {
      renewing.abort();
      await workers.stop();
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
