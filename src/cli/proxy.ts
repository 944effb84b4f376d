/**
 * Which proxy the environment names for a URL, by the variables that curl and Go know.
 *
 * This machine is never reached through a proxy. `HTTP_PROXY` in capitals is not read for http, as
 * in curl: a CGI program would take it from a request header.
 */
import { UsageError } from "./cli-error.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface ProxySettings {
  readonly proxy: URL;
  /** Hosts to be reached directly, separated by commas. */
  readonly noProxy: string;
}

/** @throws {UsageError} when the variable is no URL; it may hold a password, so it is not shown */
export function proxyFor(url: URL, environment: Environment): ProxySettings | undefined {
  const secure = url.protocol === "https:";
  const text = secure
    ? environment["https_proxy"] || environment["HTTPS_PROXY"]
    : environment["http_proxy"];
  const excluded = environment["no_proxy"] || environment["NO_PROXY"] || "";
  if (!text || excluded.trim() === "*") return undefined;
  const address = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol)) {
    throw new UsageError(
      `${secure ? "HTTPS_PROXY" : "http_proxy"} is not the URL of an HTTP proxy`,
    );
  }
  const noProxy = [excluded, "localhost", "127.0.0.1", "[::1]"].join(",");
  return { proxy: new URL(address), noProxy };
}
