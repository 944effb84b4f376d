/**
 * Outgoing HTTP of a build: proxies, trust, time limits and redirects, decided in one place.
 *
 * Nothing is followed from https to http, and credentials never travel to another origin. Proxies
 * come from the environment that is given, never from that of the process.
 */
import type { Readable } from "node:stream";
import type { SecureContext } from "node:tls";
import { type Dispatcher, request } from "undici";
import { openAgent } from "../../network/proxied-agent.ts";
import { explainFailure, FetchFailed } from "./fetch-failed.ts";

export interface HttpClientOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly trust: SecureContext;
  readonly userAgent: string;
  /** The longest silence, in ms; default 60 s. */
  readonly idleTimeoutMs?: number;
}

export interface HttpRequest {
  readonly method?: "GET" | "HEAD" | "POST";
  /** Lower-case names. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent to the origin of the URL only, not to where it redirects. */
  readonly authorization?: string | undefined;
  readonly body?: string;
  readonly signal: AbortSignal;
}

export interface HttpAnswer {
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  readonly status: number;
  readonly statusText: string;
  /** Undefined when absent; of a repeated header the first. */
  header(name: string): string | undefined;
  /** Every value of a header that may be repeated. */
  headers(name: string): string[];
  /** Must be read or discarded. */
  readonly body: Readable;
  discard(): Promise<void>;
}

const maxRedirects = 10;
const redirecting = new Set([301, 302, 303, 307, 308]);

export class HttpClient {
  readonly idleTimeoutMs: number;
  readonly #userAgent: string;
  readonly #dispatchers: Readonly<Record<string, Dispatcher>>;

  /** @throws {ProxyInvalid} when a proxy variable makes no sense */
  constructor({ environment, trust, userAgent, idleTimeoutMs = 60_000 }: HttpClientOptions) {
    this.idleTimeoutMs = idleTimeoutMs;
    this.#userAgent = userAgent;
    const tls = { secureContext: trust, timeout: Math.min(30_000, idleTimeoutMs) };
    this.#dispatchers = {
      "http:": openAgent({ scheme: "http", environment, tls }),
      "https:": openAgent({ scheme: "https", environment, tls }),
    };
  }

  /**
   * Sends one request and follows redirects of GET and HEAD.
   *
   * @returns whatever status comes, redirects without a place to go included
   * @throws {FetchFailed} when there is no answer, or a redirect is refused
   */
  async send(url: URL, { authorization, ...options }: HttpRequest): Promise<HttpAnswer> {
    let credentials = authorization ?? authorizationIn(url);
    let target = withoutUser(url);
    for (let redirects = 0; ; redirects += 1) {
      const answer = await this.#sendOnce(target, { ...options, authorization: credentials });
      const next = redirectOf(answer, options.method);
      if (next === undefined) return answer;
      await answer.discard();
      if (redirects === maxRedirects) throw new FetchFailed(`more than ${maxRedirects} redirects`);
      if (next.protocol !== "https:" && target.protocol === "https:") {
        throw new FetchFailed("redirected to http");
      }
      if (next.origin !== target.origin) credentials = undefined;
      target = withoutUser(next);
    }
  }

  /** For failures while a body is read: puts them into words as `send` does. */
  explain(error: unknown): unknown {
    return explainFailure(error, this.idleTimeoutMs);
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#dispatchers).map((dispatcher) => dispatcher.destroy()));
  }

  async #sendOnce(url: URL, options: HttpRequest): Promise<HttpAnswer> {
    const { method = "GET", headers, authorization, body, signal } = options;
    const dispatcher = this.#dispatchers[url.protocol];
    if (dispatcher === undefined) throw new FetchFailed("redirected to something not HTTP");
    signal.throwIfAborted();
    const sent = {
      ...headers,
      "user-agent": this.#userAgent,
      ...(authorization && { authorization }),
    };
    try {
      const answer = await request(url, {
        method,
        headers: sent,
        body: body ?? null,
        dispatcher,
        headersTimeout: this.idleTimeoutMs,
        bodyTimeout: this.idleTimeoutMs,
        signal,
      });
      return answerOf(url, answer);
    } catch (error) {
      signal.throwIfAborted();
      throw explainFailure(error, this.idleTimeoutMs);
    }
  }
}

export function answerOf(
  url: URL,
  { statusCode, statusText, headers, body }: Dispatcher.ResponseData,
): HttpAnswer {
  const values = (name: string) => [headers[name] ?? []].flat();
  return {
    url,
    status: statusCode,
    statusText,
    header: (name: string) => values(name)[0],
    headers: values,
    body,
    // A body that breaks while nobody wants it is no failure.
    discard: () => body.dump({ limit: 64 * 1024 }).catch(() => undefined),
  };
}

function redirectOf(answer: HttpAnswer, method = "GET"): URL | undefined {
  const location = answer.header("location");
  if (method === "POST" || !redirecting.has(answer.status) || location === undefined)
    return undefined;
  return URL.canParse(location, answer.url.href) ? new URL(location, answer.url) : undefined;
}

/** `https://user:password@host/` means Basic. */
function authorizationIn({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  return basicAuthorization(unescapeText(username), unescapeText(password));
}

function unescapeText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a percent sign that escapes nothing
  }
}

export function basicAuthorization(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

function withoutUser(url: URL): URL {
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  bare.hash = "";
  return bare;
}
