/** Errors of the distribution API: `{"errors":[{"code","message","detail"}]}` with the status of the code. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "pino";
import { TooManyLogins, Unauthorized } from "../../identity/identity-error.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import { hasLeft, sendAnswer } from "../answer.ts";
import { type CodedError, isCodedError, statusOf } from "../error-status.ts";
import { RequestError } from "../request-error.ts";

/** Codes of ours that clients know under another name. */
const wireCodes: Readonly<Record<string, string>> = {
  NotFound: "NAME_UNKNOWN",
  MethodNotAllowed: "UNSUPPORTED",
  RequestTooLarge: "SIZE_INVALID",
  UrlTooLong: "SIZE_INVALID",
  ConditionFailed: "DENIED",
  RangeNotSatisfiable: "RANGE_INVALID",
  RANGE_INVALID: "BLOB_UPLOAD_INVALID",
  TOO_MANY_TAGS: "TAG_INVALID",
  CONFLICT: "DENIED",
  INSUFFICIENT_STORAGE: "DENIED",
  UNAVAILABLE: "TOOMANYREQUESTS",
};

/** The one place where a failure becomes an answer under /v2. */
export async function sendOciError(
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
  log: Logger,
): Promise<void> {
  if (response.headersSent || response.destroyed || hasLeft(request)) {
    response.destroy();
    return;
  }
  const known = isCodedError(error) ? error : undefined;
  const status = known ? statusOf(known.code) : 500;
  if (status >= 500) log.error({ err: error, method: request.method }, "request failed");
  const body = Buffer.from(JSON.stringify({ errors: [entryOf(known)] }));
  const headers = { "Content-Type": "application/json", ...extraHeaders(error, status) };
  await sendAnswer(request, response, status, headers, body);
}

/** `detail` is never null: dockerd repeats a refused push for 50 s when it is. */
function entryOf(error: CodedError | undefined): object {
  if (!error) return { code: "UNKNOWN", message: "the registry failed to answer", detail: {} };
  const detail = detailOf(error);
  return { code: wireCodes[error.code] ?? error.code, message: error.message, detail };
}

function detailOf(error: Error): Readonly<Record<string, unknown>> {
  if (error instanceof RegistryError) return error.detail;
  return error instanceof RequestError ? error.data : {};
}

function extraHeaders(error: unknown, status: number): Record<string, string> {
  const challenge = error instanceof Unauthorized ? error.challenge : undefined;
  return {
    ...(error instanceof RequestError && error.headers),
    ...(challenge && { "WWW-Authenticate": challenge }),
    ...((status === 503 || status === 429) && { "Retry-After": retryAfter(error) }),
  };
}

/** In seconds. */
function retryAfter(error: unknown): string {
  return String(error instanceof TooManyLogins ? error.retryAfterSeconds : 5);
}
