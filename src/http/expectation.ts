/**
 * Bodies that a client holds back until it is told to send them (`Expect: 100-continue`, RFC 9110
 * section 10.1.1).
 *
 * It is told when the body is asked for, so never before the guard has let the request in: whoever
 * is refused has sent nothing. Without the invitation the connection ends with the answer, because
 * nobody could tell whether the body still comes.
 */
import type { IncomingMessage, ServerResponse } from "node:http";

interface Held {
  readonly response: ServerResponse;
  /** What the connection would do without the expectation. */
  readonly keepAlive: boolean;
}

const heldBack = new WeakMap<IncomingMessage, Held>();

/** For the server's `checkContinue`. */
export function holdBody(request: IncomingMessage, response: ServerResponse): void {
  heldBack.set(request, { response, keepAlive: response.shouldKeepAlive });
  response.shouldKeepAlive = false;
}

export function isBodyHeldBack(request: IncomingMessage): boolean {
  return heldBack.has(request);
}

/** Asks for the body, if the client waits for that. */
export function inviteBody(request: IncomingMessage): void {
  const held = heldBack.get(request);
  heldBack.delete(request);
  if (held === undefined || held.response.headersSent) return;
  const { response, keepAlive } = held;
  response.shouldKeepAlive = keepAlive;
  // Not while the answer to an earlier request is still on its way: it would get into that one.
  if (response.socket) response.writeContinue();
  else response.once("socket", () => response.headersSent || response.writeContinue());
}
