/** One serving process: certificate, services and listener, and their orderly end. */
import cluster from "node:cluster";
import type { Logger } from "pino";
import { type Config, withPort } from "../config.ts";
import { logRequests } from "../http/request-log.ts";
import { type CertificateSource, provideCertificate } from "./credentials.ts";
import { HttpsServer } from "./https-server.ts";
import { collectMetrics, observeRequest } from "./metrics.ts";
import { createServices, type ServiceBase } from "./services.ts";

/** Requests in flight get this long to end after SIGTERM. */
const drainMs = 25_000;

export interface Instance {
  /** With the port that the system chose. */
  readonly config: Config;
  readonly certificate: CertificateSource;
  /** Whether anybody can log in; otherwise only this machine may write. */
  readonly identified: boolean;
  stop(): Promise<void>;
}

export async function startInstance(
  asked: Config,
  base: ServiceBase,
  log: Logger,
): Promise<Instance> {
  const running = new AbortController();
  if (asked.metricsListen || asked.statsd) collectMetrics();
  try {
    const role = cluster.isWorker ? "serve" : "renew";
    const certificate = await provideCertificate(asked, role, running.signal, log);
    const server = await HttpsServer.create(certificate.files, running.signal, log);
    const config = withPort(asked, await server.listen(asked.listen));
    const { listener, identity, end } = await createServices(
      config,
      base,
      () => server.credentials,
      log,
    );
    server.serve(logRequests(listener, log, observeRequest));
    const stop = async (): Promise<void> => {
      running.abort();
      await server.drain(drainMs);
      await end();
    };
    return { config, certificate, identified: identity.configured, stop };
  } catch (error) {
    running.abort();
    throw error;
  }
}
