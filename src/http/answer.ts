/**
 * Sends a complete, small answer, whatever the client is still doing.
 *
 * A client that is told "no" in the middle of its upload would lose the answer if the connection
 * just closed: the kernel discards it with a reset. So what still comes is thrown away for a while.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { finished } from "node:stream/promises";
import { bytesToCome } from "../oci/header.ts";
import { isBodyHeldBack } from "./expectation.ts";

const lingerMs = 5000;

/**
 * A body up to this size is read before the answer, as Go's servers do it: containerd up to 1.6.20
 * hangs when the answer to its manifest overtakes the manifest (containerd/containerd#8379). It also
 * saves the connection, on which the client then asks again with credentials.
 */
const smallBodyBytes = 256 * 1024;
const smallBodyMs = 1000;

export async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders,
  body: Buffer,
): Promise<void> {
  const length = { "Content-Length": body.length };
  const sent = request.method === "HEAD" ? undefined : body;
  if (isSmall(request) && !isBodyHeldBack(request)) await discard(request, smallBodyMs);
  if (request.complete || !hasBody(request)) {
    response.writeHead(status, { ...headers, ...length }).end(sent);
    return;
  }
  response.writeHead(status, { ...headers, ...length, Connection: "close" });
  // Everything but the end: Node closes the connection at the end, and that would be the reset.
  response.flushHeaders();
  if (sent) response.write(sent);
  await discard(request, lingerMs);
  response.end();
}

export function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  contentType: string,
  value: unknown,
  headers: OutgoingHttpHeaders = {},
): Promise<void> {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  const described = { ...headers, "Content-Type": contentType };
  return sendAnswer(request, response, status, described, body);
}

export function hasBody({ headers }: IncomingMessage): boolean {
  const length = headers["content-length"];
  return headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0");
}

/** Bytes of the body, and of what the client says will follow it; 0 when nothing is announced. */
export function announcedLength({ headers }: IncomingMessage): number {
  const following = headers[bytesToCome];
  const announced = /^\d{1,15}$/.test(String(following)) ? Number(following) : 0;
  return Math.max(Number(headers["content-length"] ?? 0), announced);
}

/** Whether the client went away before its request was read: then there is nobody to answer. */
export function hasLeft({ errored }: IncomingMessage): boolean {
  return errored !== null;
}

function isSmall({ headers }: IncomingMessage): boolean {
  return Number(headers["content-length"] ?? Number.POSITIVE_INFINITY) <= smallBodyBytes;
}

async function discard(request: IncomingMessage, milliseconds: number): Promise<void> {
  if (request.complete) return;
  const patience = AbortSignal.timeout(milliseconds);
  request.resume();
  // It ends, it breaks off or it takes too long: the answer is out in any case.
  await finished(request, { signal: patience, writable: false }).catch(() => {});
}
