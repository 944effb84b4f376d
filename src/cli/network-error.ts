/**
 * Puts the failures of sockets and TLS into words: which host, what went wrong, what to check.
 *
 * Knows the codes of Node, OpenSSL and undici, which reach us nested in causes and in the parts of
 * an AggregateError (one per address of a host).
 */
import { isUntrusted } from "../network/untrusted.ts";
import { CliError } from "./cli-error.ts";
import { fieldsOf, numberOf, textOf } from "./json-fields.ts";

export class RegistryUnreachable extends CliError {
  readonly code = "REGISTRY_UNREACHABLE";
}

/** It was there, and went away before its answer was complete. */
export class ConnectionBroken extends RegistryUnreachable {}

export interface Target {
  /** Printed: carries no credentials. */
  readonly url: string;
  /** Where the trusted certificates come from; undefined means the system's. */
  readonly caFile: string | undefined;
  /** The proxy that the environment names, whether or not it was used. */
  readonly proxy: URL | undefined;
}

type Explanation = readonly [message: string, hint?: string];

const broken = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET", "HPE_INVALID_EOF_STATE"]);
const slow = new Set(["ETIMEDOUT", "UND_ERR_CONNECT_TIMEOUT"]);
const silent = new Set(["UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"]);

/** @returns undefined when `error` does not come from the network */
export function explainNetworkError(
  error: unknown,
  target: Target,
): RegistryUnreachable | undefined {
  for (const link of chainOf(error)) {
    const { code } = link;
    const explanation = explainProxy(link, target) ?? explain(link, target);
    if (explanation === undefined) continue;
    const [message, hint] = explanation;
    if (broken.has(code)) return new ConnectionBroken(message, { where: target.url, cause: error });
    return new RegistryUnreachable(message, { where: target.url, hint, cause: error });
  }
  return undefined;
}

/** Connections end at the proxy, so what cannot be reached may be the proxy. */
function explainProxy({ code, text, host, port }: Link, target: Target): Explanation | undefined {
  const { proxy, url } = target;
  if (proxy === undefined) return undefined;
  const { hostname } = new URL(url);
  const around = `check HTTPS_PROXY, or name ${hostname} in NO_PROXY`;
  const status = /^Proxy response \((\d+)\)/.exec(text)?.[1];
  if (status !== undefined) {
    return [`the proxy ${proxy.host} does not let us through: HTTP ${status}`, around];
  }
  if (code === "PROXY_CLOSED") {
    return [`the proxy ${proxy.host} closes the connection instead of letting us through`, around];
  }
  if (host !== proxy.hostname && port !== portOf(proxy)) return undefined;
  const reason = explainAddress(code, proxy)?.[0];
  return reason === undefined ? undefined : [`the proxy cannot be reached: ${reason}`, around];
}

function explain({ code, text }: Link, target: Target): Explanation | undefined {
  return (
    explainAddress(code, new URL(target.url)) ??
    explainTls(code, text, target) ??
    explainTransfer(code)
  );
}

function explainAddress(code: string, url: URL): Explanation | undefined {
  const { hostname } = url;
  const port = portOf(url);
  if (code === "ENOTFOUND") {
    return [
      `there is no host named ${hostname}`,
      "check the spelling of --url and the name server",
    ];
  }
  if (code === "EAI_AGAIN") return [`the name server did not answer for ${hostname}`];
  if (code === "ECONNREFUSED") {
    return [`nothing listens on port ${port} of ${hostname}`, "start the registry, or check --url"];
  }
  if (code === "EHOSTUNREACH" || code === "ENETUNREACH") {
    return [`there is no route to ${hostname}`, "check the network and --url"];
  }
  if (slow.has(code)) {
    return [`${hostname} does not answer on port ${port}`, "check the firewall and --url"];
  }
  return undefined;
}

function portOf({ port, protocol }: URL): number {
  return Number(port || (protocol === "https:" ? 443 : 80));
}

function explainTls(code: string, text: string, { url, caFile }: Target): Explanation | undefined {
  const { host, hostname } = new URL(url);
  if (isUntrusted(code)) {
    const tried = caFile === undefined ? "" : ` (trusted: only ${caFile})`;
    return [
      `the certificate of ${host} is signed by a CA that is not trusted here${tried}`,
      "pass --ca FILE with that CA: outside a cluster the server keeps it in <storage>/tls/ca.crt, a DC/OS cluster hands it out at /ca/dcos-ca.crt",
    ];
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return [
      `the certificate of ${host} is not made for the name ${hostname}`,
      "use a name that the certificate has, or add this one to the server's certificate",
    ];
  }
  if (code === "CERT_HAS_EXPIRED") return [`the certificate of ${host} has expired`];
  if (code === "CERT_NOT_YET_VALID") {
    return [`the certificate of ${host} is not valid yet`, "check the clock of this machine"];
  }
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER" || /wrong version number/.test(text)) {
    return [`${host} does not speak TLS`, "check the port in --url"];
  }
  if (code === "EPROTO" || code.startsWith("ERR_SSL_")) return [`TLS with ${host} failed: ${text}`];
  return undefined;
}

function explainTransfer(code: string): Explanation | undefined {
  if (silent.has(code)) return ["the registry stopped answering"];
  if (broken.has(code)) return ["the connection broke before the answer came"];
  if (code.startsWith("HPE_")) return ["the answer is not HTTP", "check the port in --url"];
  return undefined;
}

interface Link {
  readonly code: string;
  readonly text: string;
  /** The peer that could not be reached, where the error says so. */
  readonly host: string | undefined;
  readonly port: number | undefined;
}

/** The error itself, its causes and the parts of aggregates, outermost first; bounded. */
function chainOf(error: unknown): Link[] {
  const links: Link[] = [];
  const waiting = [error];
  for (let count = 0; waiting.length > 0 && count < 20; count += 1) {
    const next = waiting.shift();
    if (!(next instanceof Error)) continue;
    links.push(linkOf(next));
    if (next instanceof AggregateError) waiting.push(...next.errors);
    waiting.push(next.cause);
  }
  return links;
}

function linkOf(error: Error): Link {
  const fields = fieldsOf(error);
  return {
    code: textOf(fields["code"]) ?? "",
    text: error.message,
    host: textOf(fields["hostname"]),
    port: numberOf(fields["port"]),
  };
}
