/**
 * HTTP as Cosmos does it through the JDK: exact headers, no authorization, redirects followed on the
 * same scheme alone and nineteen times at most, trust in the given roots and no others.
 */
import { once } from "node:events";
import { type IncomingMessage, Agent as PlainAgent, request as plainRequest } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { isIP } from "node:net";

/** Where connections really go, and whom they trust. */
export interface Network {
  /** PEM: the only roots that are trusted. */
  readonly ca?: string;
  /** The address behind a host name of a URL; by default the name itself. */
  readonly resolve?: Resolve;
}

export type Resolve = (hostname: string, port: number) => { host: string; port: number };

export interface JavaAnswer {
  /** Where the answer came from, after redirects. */
  readonly url: URL;
  readonly hops: number;
  readonly status: number;
  /** Names in lower case; repeated headers are joined as Node joins them. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** To be read to its end, or destroyed. */
  readonly body: IncomingMessage;
}

/** A redirect that the JDK does not follow: another scheme, or status 308. */
export class UnsupportedRedirect extends Error {
  readonly supported: string;
  readonly actual: string | undefined;
  constructor(supported: string, actual: string | undefined) {
    super(`Unsupported redirect scheme - supported: [${supported}] actual: ${actual ?? "none"}`);
    this.supported = supported;
    this.actual = actual;
  }
}

export class TooManyRedirects extends Error {
  constructor() {
    super("Server redirected too many times (20)");
  }
}

const followed: ReadonlySet<number> = new Set([301, 302, 303, 307]);
const maximumHops = 19;

/**
 * @param headers for a host, in the order of the wire
 * @throws {UnsupportedRedirect | TooManyRedirects}
 * @throws the connection's error
 */
export async function javaFetch(
  start: URL,
  headers: (host: string) => [string, string][],
  network: Network,
): Promise<JavaAnswer> {
  let url = start;
  for (let hops = 0; hops <= maximumHops; hops += 1) {
    const body = await open(url, headers(url.host), network);
    const status = body.statusCode ?? 0;
    const { location } = body.headers;
    if (status === 308) throw discarded(body, new UnsupportedRedirect(scheme(url), undefined));
    if (!followed.has(status) || location === undefined) {
      const named = Object.entries(body.headers).map(([name, value]) => [name, String(value)]);
      return { url, hops, status, headers: Object.fromEntries(named), body };
    }
    const next = new URL(location, url);
    if (next.protocol !== url.protocol) {
      throw discarded(body, new UnsupportedRedirect(scheme(url), scheme(next)));
    }
    body.destroy();
    url = next;
  }
  throw new TooManyRedirects();
}

/** @throws when the connection breaks before the announced end */
export async function readAll(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** One request, no redirects. Connections are kept, as in the JDK. */
export async function open(
  url: URL,
  headers: readonly [string, string][],
  network: Network,
  method = "GET",
): Promise<IncomingMessage> {
  const { ca, resolve } = network;
  const tls = url.protocol === "https:";
  const port = Number(url.port || (tls ? 443 : 80));
  const address = resolve?.(url.hostname, port) ?? { host: url.hostname, port };
  const asking = (tls ? tlsRequest : plainRequest)({
    ...address,
    method,
    path: url.pathname + url.search,
    headers: headers.flat(),
    setHost: false,
    agent: tls ? tlsAgent : plainAgent,
    // Addresses are no server names: the JDK sends none for them, either.
    ...(isIP(url.hostname) === 0 && { servername: url.hostname }),
    ...(ca !== undefined && { ca }),
  });
  asking.end();
  try {
    const [answer] = (await once(asking, "response")) as [IncomingMessage];
    return answer;
  } catch (error) {
    // The server may close a kept connection just when it is used again.
    if (asking.reusedSocket) return open(url, headers, network, method);
    throw error;
  }
}

const plainAgent = new PlainAgent({ keepAlive: true });
const tlsAgent = new TlsAgent({ keepAlive: true });

function discarded<T>(body: IncomingMessage, error: T): T {
  body.destroy();
  return error;
}

function scheme(url: URL): string {
  return url.protocol.slice(0, -1);
}
