/**
 * Connections that go through a proxy where the environment says so, and directly elsewhere.
 *
 * Repairs one thing in undici 7: a proxy that closes the connection instead of answering would be
 * asked again at once, for ever.
 */
import { Agent, type buildConnector, type Dispatcher, EnvHttpProxyAgent, Pool } from "undici";
import { proxySettings } from "./proxy.ts";

/** What the proxy did when it was asked for a tunnel. */
export class ProxyClosed extends Error {
  readonly code = "PROXY_CLOSED";
  constructor(cause: Error) {
    super("the proxy closed the connection", { cause });
  }
}

/** What connections of one scheme have in common. */
export interface AgentOptions {
  readonly scheme: "http" | "https";
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Trust and time limits, for the proxy and for what is behind it. */
  readonly tls: buildConnector.BuildOptions;
  /** The most to one host at a time; any number unless told. */
  readonly connections?: number;
}

/**
 * An agent serves one scheme: undici would send https through the proxy of http otherwise.
 *
 * @throws {ProxyInvalid} when a proxy variable makes no sense
 */
export function openAgent({ scheme, environment, tls, connections }: AgentOptions): Dispatcher {
  const settings = proxySettings(scheme, environment);
  const limit = { connections: connections ?? null };
  if (settings === undefined) return new Agent({ connect: tls, ...limit });
  const proxy = settings.proxy.href;
  // An empty proxy is none; an absent one would be looked for in the environment of the process.
  return new EnvHttpProxyAgent({
    httpProxy: scheme === "http" ? proxy : "",
    httpsProxy: scheme === "https" ? proxy : "",
    noProxy: settings.noProxy,
    proxyTunnel: scheme === "https",
    connect: tls,
    ...limit,
    requestTls: tls,
    proxyTls: tls,
    factory: (origin, options) => new Pool(origin, endingWithTheProxy(options)),
  });
}

/** Pools reconnect after `UND_ERR_SOCKET`; as the failure of a tunnel it has to be final. */
function endingWithTheProxy(options: Pool.Options): Pool.Options {
  const { connect } = options;
  if (typeof connect !== "function") return options;
  return {
    ...options,
    connect: (endpoint, callback) =>
      connect(endpoint, (...[error, socket]: Parameters<buildConnector.Callback>) => {
        if (error === null) callback(null, socket);
        else callback(isSocketError(error) ? new ProxyClosed(error) : error, null);
      }),
  };
}

function isSocketError(error: Error): boolean {
  return "code" in error && error.code === "UND_ERR_SOCKET";
}
