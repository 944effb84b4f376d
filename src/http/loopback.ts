/** Whether a request was made by somebody on this very machine, and not passed on for another. */
import type { IncomingMessage } from "node:http";
import { isIPv4 } from "node:net";
import { parseHost } from "./host-header.ts";

/**
 * True for a loopback peer that names a loopback host and shows no trace of a proxy or of a page in
 * a browser. The Host check stops web pages whose name was made to resolve to this machine.
 */
export function isLocalRequest({ socket, headers }: IncomingMessage): boolean {
  const host = parseHost(headers.host);
  return (
    isLoopbackAddress(socket.remoteAddress ?? "") &&
    host !== undefined &&
    isLoopbackHost(host.hostname) &&
    !Object.keys(headers).some((name) => passedOn.test(name))
  );
}

const passedOn = /^(?:forwarded|x-forwarded(?:-.*)?|x-real-ip|origin)$/;

function isLoopbackAddress(address: string): boolean {
  const plain = address.replace(/^::ffff:/i, "");
  return plain === "::1" || (isIPv4(plain) && plain.startsWith("127."));
}

function isLoopbackHost(hostname: string): boolean {
  return hostname.toLowerCase() === "localhost" || isLoopbackAddress(hostname);
}
