/** Addresses to listen on, `HOST:PORT`, as flags and configuration files write them. */
import { isIP, isIPv6 } from "node:net";

export interface ListenAddress {
  /** An IP address without brackets, or a host name. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

const hostName = /^(?=.{1,253}$)[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?$/;

/** `127.0.0.1:8443`, `[::1]:8443`, `localhost:0`; undefined for anything else. */
export function parseAddress(text: string): ListenAddress | undefined {
  const { bracketed, plain, port } =
    /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^:]+)):(?<port>[0-9]{1,5})$/.exec(text)?.groups ?? {};
  if (Number(port ?? "x") > 65535 || port === undefined) return undefined;
  if (bracketed !== undefined && isIPv6(bracketed)) return { host: bracketed, port: Number(port) };
  if (plain !== undefined && hostName.test(plain)) return { host: plain, port: Number(port) };
  return undefined;
}

/** The inverse of `parseAddress`. */
export function formatAddress({ host, port }: ListenAddress): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

/** Whether a server that listens there is reached under every address of the machine. */
export function isWildcard({ host }: ListenAddress): boolean {
  return isIP(host) !== 0 && /^[0:.]+$/.test(host);
}
