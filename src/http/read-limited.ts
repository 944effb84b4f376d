/** Reads a small request body whole, and refuses a larger one before it costs memory. */
import type { IncomingMessage } from "node:http";
import { RequestTooLarge } from "./request-error.ts";

/** @throws {RequestTooLarge} as soon as it is certain, while the client may still be sending */
export async function readLimited(request: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > limit) throw new RequestTooLarge(limit);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of bodyOf(request)) {
    size += chunk.length;
    if (size > limit) throw new RequestTooLarge(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** The body, so that reading only a part of it leaves the connection to answer on. */
export function bodyOf(request: IncomingMessage): AsyncIterable<Buffer> {
  return request.iterator({ destroyOnReturn: false });
}
