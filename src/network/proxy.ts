/**
 * Which proxy the environment names, by the variables that curl and Go know.
 *
 * Both spellings of each are read, the lower-case one first. This machine is never reached through
 * a proxy.
 */
import { ProxyInvalid } from "./network-error.ts";

export interface ProxySettings {
  readonly proxy: URL;
  /** Hosts to be reached directly, separated by commas. */
  readonly noProxy: string;
}

/**
 * @param scheme of the URLs that are to be reached
 * @throws {ProxyInvalid}
 */
export function proxySettings(
  scheme: "http" | "https",
  environment: Readonly<Record<string, string | undefined>>,
): ProxySettings | undefined {
  const variable = (name: string) => environment[name] || environment[name.toUpperCase()] || "";
  const text = variable(`${scheme}_proxy`);
  const direct = variable("no_proxy").split(/[,\s]+/);
  if (text === "" || direct.includes("*")) return undefined;
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new ProxyInvalid(`${scheme.toUpperCase()}_PROXY is not the URL of an HTTP proxy`);
  }
  const noProxy = [...direct, "localhost", "127.0.0.1", "[::1]"].filter(Boolean).join(",");
  return { proxy: new URL(url), noProxy };
}
