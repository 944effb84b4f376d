/**
 * The TLS listener: limits for slow and greedy clients, certificates swapped in place, orderly end.
 */
import { once } from "node:events";
import type { RequestListener } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import { watchServerCredentials } from "../tls/credential-watch.ts";
import {
  type CredentialFiles,
  loadServerCredentials,
  type ServerCredentials,
  tlsOptions,
} from "../tls/server-credentials.ts";
import { type HttpLimits, httpLimits } from "./http-limits.ts";
import { serveRequests } from "./request-front.ts";

export class HttpsServer {
  readonly #server: Server;
  #credentials: ServerCredentials;

  private constructor(credentials: ServerCredentials, limits: HttpLimits) {
    this.#credentials = credentials;
    this.#server = createServer({
      ...tlsOptions(credentials),
      ...limits,
    });
    this.#server.timeout = limits.silenceMs;
  }

  /** @param signal ends the watch on the files */
  static async create(
    files: CredentialFiles,
    signal: AbortSignal,
    log: Logger,
    limits: HttpLimits = httpLimits,
  ): Promise<HttpsServer> {
    const server = new HttpsServer(await loadServerCredentials(files), limits);
    watchServerCredentials(files, server.#credentials, {
      signal,
      onChange: (found) => {
        server.#server.setSecureContext(tlsOptions(found));
        server.#credentials = found;
        const { fingerprint } = found;
        log.info({ fingerprint, expires: new Date(found.expiresMs) }, "certificate replaced");
      },
      onError: (error) => log.error({ err: error }, "new certificate not usable, old one stays"),
    });
    return server;
  }

  /** What new connections are given. */
  get credentials(): ServerCredentials {
    return this.#credentials;
  }

  /** @returns the port, which the system chose when it was 0 */
  async listen({ host, port }: { host: string; port: number }): Promise<number> {
    this.#server.listen(port, host);
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  serve(listener: RequestListener): void {
    serveRequests(this.#server, listener);
  }

  /** Takes no new connections and lets requests in flight end, up to `patienceMs`. */
  async drain(patienceMs: number): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    const timer = setTimeout(() => this.#server.closeAllConnections(), patienceMs);
    await closed;
    clearTimeout(timer);
  }
}
