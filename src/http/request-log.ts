/**
 * One line per request, written when it has ended.
 *
 * Reads that succeed are logged at level debug, everything else at info: a hundred agents that pull
 * would otherwise drown the few lines that matter. Queries and headers, which may carry secrets, are
 * never logged.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Logger } from "pino";

export type ObserveRequest = (method: string, status: number, seconds: number) => void;

export function logRequests(
  listener: RequestListener,
  log: Logger,
  observe: ObserveRequest,
): RequestListener {
  return (request, response) => {
    const started = performance.now();
    response.on("close", () => {
      const milliseconds = performance.now() - started;
      observe(request.method ?? "", response.statusCode, milliseconds / 1000);
      write(log, request, response, milliseconds);
    });
    listener(request, response);
  };
}

/** Faults of this server; who has asked is not told more than that. */
export function logFailures(log: Logger): (error: unknown, request: IncomingMessage) => void {
  return (error, { method, url = "" }) => {
    log.error({ err: error, method, path: url.split("?", 1)[0] }, "request failed");
  };
}

function write(
  log: Logger,
  request: IncomingMessage,
  response: ServerResponse,
  milliseconds: number,
): void {
  const { method = "", url = "" } = request;
  const { statusCode: status } = response;
  const read = method === "GET" || method === "HEAD";
  const level = read && status < 400 && response.writableFinished ? "debug" : "info";
  if (!log.isLevelEnabled(level)) return;
  const path = url.split("?", 1)[0];
  const peer = request.socket.remoteAddress;
  const broken = !response.writableFinished;
  log[level](
    { method, path, status, ms: Math.round(milliseconds), peer, ...(broken && { broken }) },
    "request",
  );
}
