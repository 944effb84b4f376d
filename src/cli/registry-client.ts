/**
 * Talks to one registry: the routes below `/package` and `/health`, over HTTP/1.1 and TLS.
 *
 * A bundle is sent in constant memory, and an answer that comes while we still send ends the
 * sending and is reported. Redirects are not followed: they would carry the token elsewhere.
 */
import { Readable } from "node:stream";
import { rootCertificates } from "node:tls";
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from "undici";
import { type Connection, isLoopback } from "./connection.ts";
import { explainNetworkError, RegistryUnreachable } from "./network-error.ts";
import {
  type Answered,
  type DescribedPackage,
  describedPackageOf,
  type HealthCheckResult,
  healthOf,
  type ListedPackage,
  packagesOf,
} from "./registry-answer.ts";
import { type Answer, NotARegistry } from "./registry-refusal.ts";

export interface ClientOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly userAgent: string;
  /** Told what is asked and answered; never sees a credential. */
  readonly trace?: (line: string) => void;
  /** How long a registry may keep silent; 60 s, after an upload 15 minutes, since it validates. */
  readonly answerTimeoutMs?: number;
  /** How long a registry may take no byte of an upload; 120 s. */
  readonly stallTimeoutMs?: number;
}

interface Exchange {
  readonly method: "GET" | "POST";
  readonly route: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Readable;
  readonly answerTimeoutMs: number;
  readonly signal: AbortSignal;
}

/** A described package of the largest catalogue entry is below 1 MiB. */
const answerLimitBytes = 64 * 1024 * 1024;

export class RegistryClient {
  readonly #connection: Connection;
  readonly #options: ClientOptions;
  readonly #dispatcher: Dispatcher;

  constructor(connection: Connection, options: ClientOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#dispatcher = openDispatcher(connection, options);
  }

  /**
   * Streams one bundle to the registry.
   *
   * @param bundle is ended early, by `return()`, when the registry answers before its end
   * @param size   bytes that `bundle` will give, exactly
   * @returns after the registry has validated and published the package
   */
  async add(
    bundle: AsyncIterable<Uint8Array>,
    size: number,
    signal: AbortSignal,
  ): Promise<Answered<readonly ListedPackage[]>> {
    const stall = new AbortController();
    const answer = await this.#exchange({
      method: "POST",
      route: "package/add",
      headers: { "content-type": "application/x-tar", "content-length": String(size) },
      body: Readable.from(watchStall(bundle, this.#options.stallTimeoutMs ?? 120_000, stall)),
      answerTimeoutMs: this.#options.answerTimeoutMs ?? 900_000,
      signal: AbortSignal.any([signal, stall.signal]),
    });
    return packagesOf(answer);
  }

  async describe(
    name: string,
    version: string | undefined,
    signal: AbortSignal,
  ): Promise<Answered<DescribedPackage>> {
    const question = {
      packageName: name,
      ...(version !== undefined && { packageVersion: version }),
    };
    return describedPackageOf(await this.#ask("package/describe", question, signal));
  }

  async list(signal: AbortSignal): Promise<Answered<readonly ListedPackage[]>> {
    return packagesOf(await this.#ask("package/list", {}, signal));
  }

  async remove(
    name: string,
    version: string,
    signal: AbortSignal,
  ): Promise<Answered<readonly ListedPackage[]>> {
    const question = { packageName: name, packageVersion: version };
    return packagesOf(await this.#ask("package/remove", question, signal));
  }

  async health(signal: AbortSignal): Promise<Answered<readonly HealthCheckResult[]>> {
    const answer = await this.#exchange({
      method: "GET",
      route: "health",
      headers: {},
      answerTimeoutMs: this.#options.answerTimeoutMs ?? 60_000,
      signal,
    });
    return healthOf(answer);
  }

  /** Ends all connections, so that the program can end. */
  async close(): Promise<void> {
    await this.#dispatcher.destroy();
  }

  async #ask(route: string, question: object, signal: AbortSignal): Promise<Answer> {
    return this.#exchange({
      method: "POST",
      route,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(question),
      answerTimeoutMs: this.#options.answerTimeoutMs ?? 60_000,
      signal,
    });
  }

  async #exchange({
    method,
    route,
    headers,
    body,
    answerTimeoutMs,
    signal,
  }: Exchange): Promise<Answer> {
    const { authorization, caFile } = this.#connection;
    const url = new URL(route, this.#connection.url).href;
    this.#options.trace?.(`> ${method} ${url}`);
    try {
      const response = await request(url, {
        method,
        dispatcher: this.#dispatcher,
        headers: {
          accept: "application/json",
          "user-agent": this.#options.userAgent,
          ...headers,
          ...(authorization !== undefined && { authorization }),
        },
        ...(body !== undefined && { body }),
        headersTimeout: answerTimeoutMs,
        bodyTimeout: answerTimeoutMs,
        signal,
      });
      this.#options.trace?.(`< HTTP ${response.statusCode}`);
      return await readAnswer(url, response);
    } catch (error) {
      const cause = signal.aborted ? signal.reason : error;
      throw explainNetworkError(cause, { url, caFile }) ?? cause;
    }
  }
}

/** Trust is added to what the system has; a proxy is asked only for hosts beyond this machine. */
function openDispatcher(connection: Connection, { environment }: ClientOptions): Dispatcher {
  const { ca, verifyCertificate, url } = connection;
  const tls = {
    ...(ca !== undefined && { ca: [...rootCertificates, ca] }),
    rejectUnauthorized: verifyCertificate,
  };
  const variable = (name: string) =>
    environment[name.toLowerCase()] ?? environment[name.toUpperCase()] ?? "";
  const httpProxy = environment["http_proxy"] ?? "";
  const httpsProxy = variable("https_proxy");
  const connect = { ...tls, timeout: 20_000 };
  if (isLoopback(url) || (httpProxy === "" && httpsProxy === "")) return new Agent({ connect });
  const noProxy = variable("no_proxy");
  return new EnvHttpProxyAgent({ httpProxy, httpsProxy, noProxy, connect, requestTls: tls });
}

async function readAnswer(url: string, response: Dispatcher.ResponseData): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > answerLimitBytes) throw new NotARegistry("the answer does not end", { where: url });
    chunks.push(chunk);
  }
  const { "content-type": contentType, location } = response.headers;
  return {
    url,
    status: response.statusCode,
    contentType: String(contentType ?? ""),
    location: location === undefined ? undefined : String(location),
    body: Buffer.concat(chunks).toString("utf8"),
  };
}

/** Aborts when a chunk is not taken within the time; silence after the last one is not counted. */
async function* watchStall(
  bundle: AsyncIterable<Uint8Array>,
  stallTimeoutMs: number,
  stall: AbortController,
): AsyncGenerator<Uint8Array> {
  const seconds = Math.round(stallTimeoutMs / 1000);
  const reason = new RegistryUnreachable(`the registry took no byte for ${seconds} s`);
  const timer = setTimeout(() => stall.abort(reason), stallTimeoutMs);
  try {
    for await (const chunk of bundle) {
      timer.refresh();
      yield chunk;
    }
  } finally {
    clearTimeout(timer);
  }
}
