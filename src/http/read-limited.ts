/** Request bodies with an upper bound, refused before they cost memory or disk. */
import type { IncomingMessage } from "node:http";
import { inviteBody } from "./expectation.ts";
import { RequestTooLarge } from "./request-error.ts";

/** Reads a small body whole. @throws {RequestTooLarge} */
export async function readLimited(request: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of limitedBody(request, limit)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * Streams a body.
 *
 * @param limit bytes; 0 for any number
 * @throws {RequestTooLarge} as soon as it is certain, while the client may still be sending
 */
export async function* limitedBody(
  request: IncomingMessage,
  limit: number,
): AsyncGenerator<Buffer> {
  const tooLarge = (size: number): boolean => limit > 0 && size > limit;
  if (tooLarge(Number(request.headers["content-length"] ?? 0))) throw new RequestTooLarge(limit);
  let size = 0;
  for await (const chunk of bodyOf(request)) {
    size += chunk.length;
    if (tooLarge(size)) throw new RequestTooLarge(limit);
    yield chunk;
  }
}

/**
 * The body, so that reading only a part of it leaves the connection to answer on. A client that
 * holds it back is told to send it with the first read.
 */
export function bodyOf(request: IncomingMessage): AsyncIterable<Buffer> {
  return {
    [Symbol.asyncIterator]: () => {
      inviteBody(request);
      return request.iterator({ destroyOnReturn: false });
    },
  };
}
