/**
 * Connections that go through a proxy where the environment says so, and directly elsewhere.
 *
 * Repairs one thing in undici 7: a proxy that closes the connection instead of answering would be
 * asked again at once, for ever.
 */
import { Agent, type buildConnector, type Dispatcher, EnvHttpProxyAgent, Pool } from "undici";
import type { ProxySettings } from "./proxy.ts";

/** What the proxy did when it was asked for a tunnel. */
export class ProxyClosed extends Error {
  readonly code = "PROXY_CLOSED";
  constructor(cause: Error) {
    super("the proxy closed the connection", { cause });
  }
}

/**
 * @param tls trust and time limits, for the proxy and for what is behind it
 * @param secure whether it is for https URLs; an agent serves one scheme, since undici would send
 *               https through the proxy of http otherwise
 */
export function openAgent(
  settings: ProxySettings | undefined,
  tls: buildConnector.BuildOptions,
  secure: boolean,
): Dispatcher {
  if (settings === undefined) return new Agent({ connect: tls });
  const { proxy, noProxy } = settings;
  // An empty proxy is none; an absent one would be looked for in the environment of the process.
  return new EnvHttpProxyAgent({
    httpProxy: secure ? "" : proxy.href,
    httpsProxy: secure ? proxy.href : "",
    noProxy,
    connect: tls,
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
