/**
 * Bytes that are no request: refused in words and cut off, without harm to the answers in front.
 *
 * A connection may carry answers to earlier requests when something broken comes behind them. Those
 * are let finish, so that nobody takes the refusal for a part of them.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

const refusals: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  HPE_CHUNK_EXTENSIONS_OVERFLOW: "413 Payload Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

const unfinished = new WeakMap<Socket, Set<ServerResponse>>();
const refused = new WeakSet<Socket>();

/** For every request, so that a refusal knows what is still to be answered. */
export function trackAnswer({ socket }: IncomingMessage, response: ServerResponse): void {
  const answers = unfinished.get(socket) ?? new Set();
  unfinished.set(socket, answers.add(response));
  response.on("close", forget); // one function for all: it is called for every request
}

function forget(this: ServerResponse): void {
  unfinished.get(this.req.socket)?.delete(this);
}

/** For the server's `clientError`, which comes once for each piece of data behind the first error. */
export function refuseBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (refused.has(socket)) return;
  refused.add(socket);
  const { code = "" } = error;
  const readable = code.startsWith("HPE_") || code in refusals;
  if (!readable || !socket.writable) socket.destroy();
  else whenAnswered(socket, () => refuse(socket, refusals[code] ?? "400 Bad Request"));
}

/** A request that is not complete is the broken one: nobody will ever answer that. */
function whenAnswered(socket: Socket, then: () => void): void {
  const last = [...(unfinished.get(socket) ?? [])].filter(({ req }) => req.complete).at(-1);
  if (last) last.once("close", then);
  else then();
}

function refuse(socket: Socket, status: string): void {
  const begun = [...(unfinished.get(socket) ?? [])].some(({ headersSent }) => headersSent);
  if (begun || !socket.writable) {
    // What of its answer was written still leaves: often that is a refusal, and the reason for the rest.
    socket.destroySoon();
    return;
  }
  const body = refusalBody(status);
  const head = [
    `HTTP/1.1 ${status}`,
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

/** The envelope of the distribution API: what was meant is not known yet. */
export function refusalBody(why: string): string {
  const message = `this is no request: ${why}`;
  return JSON.stringify({ errors: [{ code: "UNSUPPORTED", message, detail: {} }] });
}
