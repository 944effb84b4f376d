/**
 * Answers GET and HEAD of immutable content: blobs, assets, the package index.
 *
 * `Content-Length` is always exact and nothing is compressed on the way; a source that fails half way
 * breaks the connection, so no client can take a part for the whole. Plain `node:http` objects.
 */
import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type ByteRange, lengthOf, parseRange } from "./byte-range.ts";
import { namesEntityTag } from "./entity-tag.ts";
import { ConditionFailed, RangeNotSatisfiable } from "./request-error.ts";
import { ClientGone, ResponseWriter } from "./response-writer.ts";

/** What an answer says of content, whatever part of it is sent. */
export interface Described {
  /** Bytes. */
  readonly size: number;
  /** Strong, with its quotes: `"sha256:…"`. */
  readonly etag: string;
  /** `Content-Type` and whatever else belongs to this content; never its length or ranges. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Content extends Described {
  /**
   * Opens the bytes of `range`, or all of them. Called once per range and never for HEAD.
   *
   * A chunk is valid only until the next one is asked for: the source may reuse its buffers.
   *
   * @param signal aborted when the client goes away
   */
  open(range: ByteRange | undefined, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** All bytes, if they are small and in memory anyway: then nothing is opened and nobody waits. */
  readonly bytes?: Buffer | undefined;
}

/** What to send: `parts` in order, each behind the bytes in `before`, then `after`; 304 has none. */
interface Answer {
  readonly status: 200 | 206 | 304;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly parts: readonly Part[];
  readonly after?: Buffer;
}

interface Part {
  readonly before?: Buffer;
  readonly range?: ByteRange;
  readonly size: number;
}

/**
 * Sends `content` as the request's conditions and ranges ask: 200, 206 or 304.
 *
 * Ends quietly when the client goes away.
 *
 * @throws {ConditionFailed | RangeNotSatisfiable} nothing is sent then
 * @throws whatever `content.open` or its iterable throws. When the headers had already left, the
 *   connection is destroyed by then: the caller may only log the error.
 */
export async function sendContent(
  request: IncomingMessage,
  response: ServerResponse,
  content: Content,
): Promise<void> {
  const answer = answerTo(request, content);
  if (!sentAtOnce(request, response, content, answer)) await send(response, content, answer);
}

/**
 * The same for who cannot wait.
 *
 * @returns false when bytes have to be opened and streamed: nothing is sent then
 * @throws {ConditionFailed | RangeNotSatisfiable} nothing is sent then
 */
export function sendAtOnce(
  request: IncomingMessage,
  response: ServerResponse,
  content: Content,
): boolean {
  return sentAtOnce(request, response, content, answerTo(request, content));
}

function answerTo(request: IncomingMessage, content: Content): Answer {
  const { "if-match": match, "if-none-match": noneMatch } = request.headers;
  if (match !== undefined && !namesEntityTag(match, content.etag, "strong")) {
    throw new ConditionFailed("If-Match", content.etag);
  }
  if (noneMatch !== undefined && namesEntityTag(noneMatch, content.etag, "weak")) {
    return notModified(content);
  }
  const ranges = wantedRanges(request, content);
  if (ranges === "unsatisfiable") throw new RangeNotSatisfiable(content.size);
  return answerOf(content, ranges);
}

function sentAtOnce(
  request: IncomingMessage,
  response: ServerResponse,
  { bytes }: Content,
  { status, headers }: Answer,
): boolean {
  const bodiless = status === 304 || request.method === "HEAD";
  if (!bodiless && (bytes === undefined || status !== 200)) return false;
  response.writeHead(status, headers).end(bodiless ? undefined : bytes);
  return true;
}

/** Ranges are defined for GET alone, and void when `If-Range` names other content or a date. */
function wantedRanges({ method, headers }: IncomingMessage, { etag, size }: Content) {
  if (method !== "GET") return undefined;
  const condition = headers["if-range"];
  if (condition !== undefined && String(condition).trim() !== etag) return undefined;
  return parseRange(headers.range, size);
}

function notModified({ headers, etag }: Content): Answer {
  const kept = Object.entries(headers).filter(([name]) => !/^content-/i.test(name));
  return { status: 304, headers: { ...Object.fromEntries(kept), ETag: etag }, parts: [] };
}

function answerOf(content: Content, ranges: readonly ByteRange[] | undefined): Answer {
  const { size } = content;
  if (ranges === undefined) {
    return { status: 200, headers: wholeHeaders(content), parts: [{ size }] };
  }
  const headers = commonHeaders(content);
  const [range, ...more] = ranges;
  if (range === undefined || more.length > 0) return multipart(content, headers, ranges);
  const length = lengthOf(range);
  return {
    status: 206,
    headers: {
      ...headers,
      "Content-Range": contentRange(range, size),
      "Content-Length": length,
    },
    parts: [{ range, size: length }],
  };
}

/** Of an answer with all bytes. */
export function wholeHeaders(content: Described): Readonly<Record<string, string | number>> {
  return { ...commonHeaders(content), "Content-Length": content.size };
}

function commonHeaders({ headers, etag }: Described): Readonly<Record<string, string>> {
  return { ...headers, ETag: etag, "Accept-Ranges": "bytes" };
}

function multipart(
  { size, headers }: Content,
  common: Readonly<Record<string, string>>,
  ranges: readonly ByteRange[],
): Answer {
  const boundary = randomBytes(16).toString("hex");
  const type = Object.entries(headers).find(([name]) => /^content-type$/i.test(name));
  const typeLine = type ? `Content-Type: ${type[1]}\r\n` : "";
  const parts = ranges.map((range) => ({
    before: Buffer.from(
      `\r\n--${boundary}\r\n${typeLine}Content-Range: ${contentRange(range, size)}\r\n\r\n`,
      "latin1",
    ),
    range,
    size: lengthOf(range),
  }));
  const after = Buffer.from(`\r\n--${boundary}--\r\n`);
  const length = parts.reduce((sum, part) => sum + part.before.length + part.size, after.length);
  const { [type?.[0] ?? ""]: _, ...others } = common;
  return {
    status: 206,
    headers: {
      ...others,
      "Content-Type": `multipart/byteranges; boundary=${boundary}`,
      "Content-Length": length,
    },
    parts,
    after,
  };
}

function contentRange({ start, end }: ByteRange, size: number): string {
  return `bytes ${start}-${end}/${size}`;
}

async function send(response: ServerResponse, content: Content, answer: Answer): Promise<void> {
  const writer = new ResponseWriter(response);
  try {
    for (const part of answer.parts) await sendPart(response, writer, content, answer, part);
    if (!response.writableEnded) await writer.end(answer.after);
  } catch (error) {
    if (response.headersSent) response.destroy();
    if (error instanceof ClientGone || writer.signal.aborted) return;
    throw error;
  } finally {
    writer.release();
  }
}

/** Opens before the first header leaves, so that content that cannot be opened is still an error. */
async function sendPart(
  response: ServerResponse,
  writer: ResponseWriter,
  content: Content,
  { status, headers, after }: Answer,
  { before, range, size }: Part,
): Promise<void> {
  const chunks = size === 0 ? [] : await content.open(range, writer.signal);
  try {
    if (!response.headersSent) response.writeHead(status, headers);
    if (before) await writer.write(before);
  } catch (error) {
    await abandon(chunks);
    throw error;
  }
  await copy(writer, chunks, size, after === undefined);
}

/** @param last whether these bytes are the end of the answer: they leave together with it, in one packet */
async function copy(
  writer: ResponseWriter,
  chunks: AsyncIterable<Uint8Array> | readonly never[],
  size: number,
  last: boolean,
): Promise<void> {
  let left = size;
  for await (const chunk of chunks) {
    left -= chunk.byteLength;
    if (left < 0) break;
    await (left === 0 && last ? writer.end(chunk) : writer.write(chunk));
    if (left === 0) break;
  }
  if (left !== 0) throw new ContentLengthWrong(size, size - left);
}

/** Ends a source that was opened and will not be read. */
async function abandon(chunks: AsyncIterable<Uint8Array> | readonly never[]): Promise<void> {
  if (Symbol.asyncIterator in chunks) await chunks[Symbol.asyncIterator]().return?.();
}

/** The source gave another number of bytes than the content is said to have. */
export class ContentLengthWrong extends Error {
  readonly code = "SIZE_INVALID";
  constructor(expected: number, actual: number) {
    super(`the source gave ${actual} bytes where ${expected} were announced`);
    this.name = "ContentLengthWrong";
  }
}
