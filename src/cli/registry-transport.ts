/**
 * Sends one request to a registry and reads its answer whole, over HTTP/1.1 and TLS (undici).
 *
 * Redirects are not followed: they would carry the token elsewhere. Every failure of the network
 * comes out in words.
 */
import type { Readable } from "node:stream";
import type { SecureContext } from "node:tls";
import { type Dispatcher, request } from "undici";
import { openAgent } from "../network/proxied-agent.ts";
import { proxySettings } from "../network/proxy.ts";
import type { Connection } from "./connection.ts";
import { explainFailure } from "./fetch/fetch-failed.ts";
import { answerOf, type HttpAnswer } from "./fetch/http-client.ts";
import { explainNetworkError } from "./network-error.ts";
import { type Answer, NotARegistry } from "./registry-refusal.ts";

export interface TransportOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whom TLS trusts; Node's own roots when absent. */
  readonly trust?: SecureContext;
  readonly userAgent: string;
  /** Told what is asked and answered; never sees a credential. */
  readonly trace?: (line: string) => void;
}

export interface Exchange {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Relative to the registry's URL. */
  readonly route: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Readable;
  /** How long the registry may keep silent. */
  readonly answerTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** A described package of the largest catalogue entry is below 1 MiB. */
const answerLimitBytes = 64 * 1024 * 1024;
const connectTimeoutMs = 20_000;

export class RegistryTransport {
  readonly #connection: Connection;
  readonly #options: TransportOptions;
  readonly #dispatcher: Dispatcher;
  readonly #proxy: URL | undefined;

  constructor(connection: Connection, options: TransportOptions) {
    this.#connection = connection;
    this.#options = options;
    const { environment, trust } = options;
    const scheme = connection.url.protocol === "https:" ? "https" : "http";
    const tls = {
      ...(trust !== undefined && { secureContext: trust }),
      rejectUnauthorized: connection.verifyCertificate,
      timeout: connectTimeoutMs,
    };
    this.#proxy = proxySettings(scheme, environment)?.proxy;
    this.#dispatcher = openAgent({ scheme, environment, tls });
  }

  /** @throws {RegistryUnreachable} whatever was answered is an answer, errors included */
  async exchange(exchange: Exchange): Promise<Answer> {
    const { method, route, body, answerTimeoutMs, signal } = exchange;
    const url = new URL(route, this.#connection.url).href;
    this.#options.trace?.(`> ${method} ${url}`);
    try {
      const response = await request(url, {
        method,
        dispatcher: this.#dispatcher,
        headers: this.#headers(exchange),
        ...(body !== undefined && { body }),
        headersTimeout: answerTimeoutMs,
        bodyTimeout: answerTimeoutMs,
        signal,
      });
      this.#options.trace?.(`< HTTP ${response.statusCode}`);
      return await readAnswer(url, response);
    } catch (error) {
      const cause = signal.aborted ? signal.reason : error;
      const { caFile } = this.#connection;
      throw explainNetworkError(cause, { url, caFile, proxy: this.#proxy }) ?? cause;
    }
  }

  /**
   * Opens an answer whose body the caller reads or discards.
   *
   * @throws {FetchFailed} whatever was answered is an answer, errors included
   */
  async open(
    route: string,
    headers: Readonly<Record<string, string>>,
    { idleTimeoutMs, signal }: { idleTimeoutMs: number; signal: AbortSignal },
  ): Promise<HttpAnswer> {
    const url = new URL(route, this.#connection.url);
    this.#options.trace?.(`> GET ${url.href}`);
    try {
      const response = await request(url, {
        dispatcher: this.#dispatcher,
        headers: this.#headers({ headers: { accept: "*/*", ...headers } }),
        headersTimeout: idleTimeoutMs,
        bodyTimeout: idleTimeoutMs,
        signal,
      });
      this.#options.trace?.(`< HTTP ${response.statusCode}`);
      return answerOf(url, response);
    } catch (error) {
      signal.throwIfAborted();
      throw explainFailure(error, idleTimeoutMs);
    }
  }

  /** Ends all connections, so that the program can end. */
  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  #headers({ headers }: Pick<Exchange, "headers">): Record<string, string> {
    const { authorization } = this.#connection;
    return {
      accept: "application/json",
      "user-agent": this.#options.userAgent,
      ...headers,
      ...(authorization !== undefined && { authorization }),
    };
  }
}

async function readAnswer(url: string, response: Dispatcher.ResponseData): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > answerLimitBytes) throw new NotARegistry("the answer does not end", { where: url });
    chunks.push(chunk);
  }
  const headers = new Map(
    Object.entries(response.headers).map(([name, value]) => [name, String(value ?? "")]),
  );
  return {
    url,
    status: response.statusCode,
    contentType: headers.get("content-type") ?? "",
    location: headers.get("location"),
    headers,
    body: Buffer.concat(chunks).toString("utf8"),
  };
}
