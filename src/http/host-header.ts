/** The `Host` header, taken apart strictly: it is the client's claim and may be anything. */
import { isIPv6 } from "node:net";

export interface RequestHost {
  /** A name or an address, without brackets; as sent otherwise. */
  readonly hostname: string;
  readonly port?: string;
}

const grammar =
  /^(?:\[(?<v6>[0-9a-fA-F:.]{2,45})\]|(?<name>[a-zA-Z0-9_.-]{1,253}))(?::(?<port>[0-9]{1,5}))?$/;

/** @returns undefined when the header is absent or malformed */
export function parseHost(header: string | undefined): RequestHost | undefined {
  const { v6, name, port } = grammar.exec(header ?? "")?.groups ?? {};
  if (v6 !== undefined && !isIPv6(v6)) return undefined;
  const hostname = v6 ?? name;
  if (hostname === undefined) return undefined;
  return { hostname, ...(port !== undefined && { port }) };
}
