/**
 * Sends a complete, small answer, whatever the client is still doing.
 *
 * A client that is told "no" in the middle of its upload would lose the answer if the connection
 * just closed: the kernel discards it with a reset. So what still comes is thrown away for a while.
 */
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { finished } from "node:stream/promises";

const lingerMs = 5000;

export async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  headers: OutgoingHttpHeaders,
  body: Buffer,
): Promise<void> {
  const length = { "Content-Length": body.length };
  const sent = request.method === "HEAD" ? undefined : body;
  if (request.complete || !hasBody(request)) {
    response.writeHead(status, { ...headers, ...length }).end(sent);
    return;
  }
  response.writeHead(status, { ...headers, ...length, Connection: "close" });
  // Everything but the end: Node closes the connection at the end, and that would be the reset.
  response.flushHeaders();
  if (sent) response.write(sent);
  await discard(request);
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

async function discard(request: IncomingMessage): Promise<void> {
  const patience = AbortSignal.timeout(lingerMs);
  request.resume();
  // It ends, it breaks off or it takes too long: the answer is out in any case.
  await finished(request, { signal: patience, writable: false }).catch(() => {});
}
