/**
 * Answers in Cosmos' RPC style: vendor media types, and errors as `{type, message, data}`.
 *
 * Only errors with a code of ours show their message; anything else is a fault of this server, and
 * its text may hold paths or worse: it goes to the log alone.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { ErrorRequestHandler } from "express";
import { essence } from "../oci/media-type.ts";
import { parseAccept } from "./accept.ts";
import { hasLeft, sendJson } from "./answer.ts";
import { isCodedError, statusOf } from "./error-status.ts";

export const errorMediaType =
  "application/vnd.dcos.package.error+json;charset=utf-8;version=v1" as const;

/** Takes errors that are faults of this server, or that broke an answer in the middle. */
export type ReportError = (error: unknown, request: IncomingMessage) => void;

export interface CosmosError {
  readonly type: string;
  readonly message: string;
  readonly data: object | null;
}

/** `add-response` → the media type of our own answers, Cosmos' pattern with our own product in it. */
export function responseMediaType(kind: string): string {
  return `application/vnd.dcos.package-registry.${kind}+json;charset=utf-8;version=v1`;
}

/** The vendor type to who names it, plain JSON to everybody else. */
export function sendResult(
  request: IncomingMessage,
  response: ServerResponse,
  kind: string,
  value: unknown,
): Promise<void> {
  const type = resultMediaType(request, kind);
  return sendJson(request, response, 200, type, value, { "Cache-Control": "no-store" });
}

/** What `sendResult` answers in. */
export function resultMediaType({ headers }: IncomingMessage, kind: string): string {
  const vendor = responseMediaType(kind);
  const wanted = parseAccept(headers.accept).some(({ name }) => name === essence(vendor));
  return wanted ? vendor : "application/json;charset=utf-8";
}

export function describeError(error: unknown): CosmosError {
  if (!isCodedError(error) || statusOf(error.code) === 500) {
    const message = "The registry failed to answer; its log says why";
    return { type: "unhandled_exception", message, data: null };
  }
  return { type: error.code, message: error.message, data: errorData(error) };
}

/** The fields that the classes of different rooms carry: `data`, `detail`, `findings`, `hint`. */
function errorData(error: object): object | null {
  const [data, detail, findings, hint] = ["data", "detail", "findings", "hint"].map((name) =>
    fieldOf(error, name),
  );
  const fields = {
    ...(typeof detail === "object" && detail),
    ...(typeof data === "object" && data),
    ...(Array.isArray(findings) && { findings }),
    ...(typeof hint === "string" && { hint }),
  };
  return Object.keys(fields).length > 0 ? fields : null;
}

/** Express' error handler for every route but `/v2`. */
export function cosmosErrors(report: ReportError): ErrorRequestHandler {
  const answer = answerError(report);
  return (error, request, response, _next) => answer(error, request, response);
}

/** Ends a request that failed, as far as there is somebody to tell. */
export function answerError(
  report: ReportError,
): (error: unknown, request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (error, request, response) => {
    if (hasLeft(request)) {
      response.destroy();
      return;
    }
    const status = isCodedError(error) ? statusOf(error.code) : 500;
    if (status === 500 || response.headersSent) report(error, request);
    if (response.headersSent) {
      if (!response.writableEnded) response.destroy();
      return;
    }
    const headers = { "Cache-Control": "no-store", ...errorHeaders(error) };
    await sendJson(request, response, status, errorMediaType, describeError(error), headers);
  };
}

/** The store may be away for a moment. */
const usualRetrySeconds = 5;

function errorHeaders(error: unknown): Record<string, string> {
  if (!isCodedError(error)) return {};
  const [headers, challenge, seconds] = ["headers", "challenge", "retryAfterSeconds"].map((name) =>
    fieldOf(error, name),
  );
  return {
    ...(typeof headers === "object" && headers),
    ...(typeof challenge === "string" && { "WWW-Authenticate": challenge }),
    ...(statusOf(error.code) === 503 && { "Retry-After": String(usualRetrySeconds) }),
    ...(typeof seconds === "number" && { "Retry-After": String(seconds) }),
  };
}

function fieldOf(error: object, name: string): unknown {
  return Reflect.get(error, name);
}
