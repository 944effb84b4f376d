/**
 * What slow, greedy and broken clients meet before a request is one: time, size, a short answer.
 *
 * Nobody can hold a connection without sending; how long a whole request takes is not limited, as
 * images of many gigabytes come over slow lines.
 */
import type { ServerOptions } from "node:http";
import type { Socket } from "node:net";

export const httpLimits = {
  /** Longer than clients keep idle connections, or they meet ours closing. */
  keepAliveTimeout: 75_000,
  /** A client that sends no complete header in this time is dropped. */
  headersTimeout: 30_000,
  requestTimeout: 0,
  /** Request line and headers together, in bytes. */
  maxHeaderSize: 32 * 1024,
} as const satisfies ServerOptions;

/** Without a byte in either direction a connection ends. */
export const silenceMs = 300_000;

const refusals: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
  ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
};

/** For the server's `clientError`: what cannot be read as a request is refused and cut off. */
export function refuseBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  const answering = error.code !== "ECONNRESET" && socket.writable && socket.bytesWritten === 0;
  if (!answering) {
    socket.destroy();
    return;
  }
  const status = refusals[error.code ?? ""] ?? "400 Bad Request";
  const body = JSON.stringify({
    errors: [{ code: "UNSUPPORTED", message: `this is no request: ${status}`, detail: {} }],
  });
  const head = [
    `HTTP/1.1 ${status}`,
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
