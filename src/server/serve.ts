/**
 * Serves until told to stop: alone, or as parent of several workers.
 *
 * Workers are forked before anything else is loaded, so that a start with them is hardly longer.
 */
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import type { Served } from "./banner.ts";
import type { Storage } from "./storage.ts";
import { Workers } from "./workers.ts";

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
  const failed = (): boolean => process.kill(process.pid, "SIGTERM");
  const workers = config.workers > 1 ? new Workers(config.workers, log, failed) : undefined;
  try {
    const { claimStorage } = await import("./storage.ts");
    const { serveStorage } = await import("./serve-storage.ts");
    const claim = (): Promise<Storage> => claimStorage(config, log);
    await serveStorage(config, { claim, ...(workers && { workers }) }, log, started, stop);
  } finally {
    await workers?.stop();
  }
}
