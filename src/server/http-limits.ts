/**
 * What slow and greedy clients meet: limits of time and size.
 *
 * Nobody can hold a connection without sending; how long a whole request takes is not limited, as
 * images of many gigabytes come over slow lines.
 */
import type { ServerOptions } from "node:https";

/** Node's own limits, and ours. */
export interface HttpLimits extends ServerOptions {
  /** Without a byte in either direction a connection ends. */
  readonly silenceMs: number;
}

export const httpLimits = {
  /** Longer than clients keep idle connections, or they meet ours closing. */
  keepAliveTimeout: 75_000,
  /** A client that sends no complete header in this time is dropped. */
  headersTimeout: 30_000,
  /** How often that is looked at. */
  connectionsCheckingInterval: 5_000,
  /** The same before there is TLS. */
  handshakeTimeout: 30_000,
  requestTimeout: 0,
  /** Request line and headers together, in bytes. */
  maxHeaderSize: 32 * 1024,
  /** Looked at in `request-front.ts`, which answers with a body. */
  requireHostHeader: false,
  silenceMs: 300_000,
} as const satisfies HttpLimits;
