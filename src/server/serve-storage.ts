/**
 * A storage and what is done for it until told to stop: it is served, by this process or by its workers;
 * collected; verified; measured. All of it ends in reverse order.
 */
import type { Worker } from "node:cluster";
import type { Logger } from "pino";
import { type Config, withPort } from "../config.ts";
import { aborted } from "./aborted.ts";
import type { Served } from "./banner.ts";
import { openCoherence } from "./coherence.ts";
import { createCollection, type ServerCollection } from "./collection.ts";
import { answerWorker } from "./collection-channel.ts";
import { provideCertificate } from "./credentials.ts";
import { openFigures, serveMetrics } from "./metrics.ts";
import { createScrub } from "./scrubbing.ts";
import { sendToStatsd } from "./statsd.ts";
import type { Storage } from "./storage.ts";
import type { Workers } from "./workers.ts";

type Stop = () => Promise<void>;

export interface ServedStorage {
  /** Takes the storage for this server. */
  readonly claim: () => Promise<Storage>;
  /** That serve it; none when this process does. They end with it. */
  readonly workers?: Workers;
}

/**
 * @param started called once, when requests are answered
 * @param stop    aborted to end; requests in flight are let finish
 */
export async function serveStorage(
  config: Config,
  { claim, workers }: ServedStorage,
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
    const { served, end, collecting } = await (workers
      ? startWorkers(workers, config, storage, log)
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

interface Started {
  readonly served: Served;
  readonly collecting: ServerCollection;
  readonly end: Stop;
}

async function startAlone(config: Config, storage: Storage, log: Logger): Promise<Started> {
  // Parents of workers need nothing of it.
  const { startInstance } = await import("./instance.ts");
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

async function startWorkers(
  workers: Workers,
  config: Config,
  storage: Storage,
  log: Logger,
): Promise<Started> {
  // Before they begin, so that they find one certificate instead of each making its own.
  const renewing = new AbortController();
  const { developmentCa } = await provideCertificate(config, "renew", renewing.signal, log);
  const collecting = createCollection(config, { storage, changes: workers.changes }, log);
  const answer = (worker: Worker): void => answerWorker(worker, collecting.collection);
  const { port, identified } = await workers.start(answer);
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
