/**
 * What slow and greedy clients meet: limits of time and size.
 *
 * Nobody can hold a connection without sending; how long a whole request takes is not limited, as
 * images of many gigabytes come over slow lines.
 */
import type { ServerOptions } from "node:http";

export const httpLimits = {
  /** Longer than clients keep idle connections, or they meet ours closing. */
  keepAliveTimeout: 75_000,
  /** A client that sends no complete header in this time is dropped. */
  headersTimeout: 30_000,
  requestTimeout: 0,
  /** Request line and headers together, in bytes. */
  maxHeaderSize: 32 * 1024,
  /** Looked at in `request-front.ts`, which answers with a body. */
  requireHostHeader: false,
} as const satisfies ServerOptions;

/** Without a byte in either direction a connection ends. */
export const silenceMs = 300_000;
