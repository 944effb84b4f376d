/**
 * What holds for every answer, whatever was asked: no fault of ours, the right envelope with a known
 * code, the headers that the status promises, and nothing in it that is nobody's business.
 */
import type { WireAnswer, WireRequest } from "./wire.ts";

const ociCodes: ReadonlySet<string> = new Set([
  ...["BLOB_UNKNOWN", "BLOB_UPLOAD_INVALID", "BLOB_UPLOAD_UNKNOWN", "DIGEST_INVALID"],
  ...[
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
  ],
  ...["SIZE_INVALID", "UNAUTHORIZED", "DENIED", "UNSUPPORTED", "TOOMANYREQUESTS"],
  // Docker's own.
  ...["TAG_INVALID", "RANGE_INVALID", "PAGINATION_NUMBER_INVALID"],
]);

const cosmosTypes: ReadonlySet<string> = new Set([
  ...["NotFound", "MethodNotAllowed", "RequestTooLarge", "UrlTooLong", "ConditionFailed"],
  ...["RangeNotSatisfiable", "json_error", "not_valid", "PackageNotFound", "VersionNotFound"],
  ...["PackageConflict", "BUNDLE_INVALID", "PACKAGE_INVALID", "UNAUTHORIZED", "DENIED"],
  ...[
    "DIGEST_INVALID",
    "SIZE_INVALID",
    "BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
  ],
  ...["CONFLICT", "TOOMANYREQUESTS", "UNSUPPORTED", "GC_OFF"],
]);

const statuses: ReadonlySet<number> = new Set([
  ...[
    200, 201, 202, 204, 206, 304, 400, 401, 403, 404, 405, 408, 409, 412, 413, 414, 416, 417, 429,
    431,
  ],
]);

const headers: ReadonlySet<string> = new Set([
  ...[
    "accept-ranges",
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
  ],
  ...["content-range", "content-security-policy", "content-type", "date", "docker-content-digest"],
  ...[
    "docker-distribution-api-version",
    "docker-upload-uuid",
    "etag",
    "keep-alive",
    "link",
    "location",
  ],
  ...[
    "oci-chunk-min-length",
    "oci-filters-applied",
    "oci-subject",
    "oci-tag",
    "range",
    "retry-after",
  ],
  ...["vary", "warning", "www-authenticate", "x-content-type-options"],
]);

/** Headers that a status promises. */
const promised: Readonly<Record<number, string>> = {
  201: "location",
  206: "content-length",
  401: "www-authenticate",
  405: "allow",
  429: "retry-after",
};

/** What no answer may show: our own files, and the trace of an error. */
const secrets = [/node_modules|\bat .*\(.*:\d+:\d+\)|\.[jt]s:\d+/, /root:[x*]:0:0:/];

/** @returns what is wrong with the answer, nothing when all is well */
export function problemsOf({ target }: WireRequest, answer: WireAnswer): string[] {
  const problems = generalProblems(answer);
  const below = target.startsWith("/v2/") || target === "/v2" || target.startsWith("/v2?");
  // What is no proper request is refused before anybody asks where it goes.
  const early = answer.last && answer.body.includes('"this is no request: ');
  if (below && !early && !answer.headers.has("docker-distribution-api-version")) {
    problems.push("no API version");
  }
  if (answer.status < 400 || answer.body.byteLength === 0) return problems;
  return [...problems, ...(below || early ? ociProblems(answer) : cosmosProblems(answer))];
}

/** What holds also where the request is so broken that nobody knows what was asked. */
export function generalProblems({ status, headers: sent, body }: WireAnswer): string[] {
  const problems: string[] = [];
  if (!statuses.has(status)) problems.push(`status ${status}`);
  // Only an answer that takes very long begins before its length is known.
  const chunked = (name: string) => name === "transfer-encoding" && status === 200;
  for (const name of sent.keys()) {
    if (!headers.has(name) && !chunked(name)) problems.push(`header ${name}`);
  }
  const missing = promised[status];
  if (missing !== undefined && !sent.has(missing)) problems.push(`${status} without ${missing}`);
  const text = body.toString("latin1", 0, 4096);
  for (const secret of secrets) if (secret.test(text)) problems.push(`shows ${secret}`);
  return problems;
}

/** An error in one envelope or the other. */
export function envelopeProblems(answer: WireAnswer): string[] {
  if (answer.status < 400 || answer.body.byteLength === 0) return [];
  const oci = ociProblems(answer);
  return oci.length > 0 && cosmosProblems(answer).length > 0 ? oci : [];
}

function ociProblems({ headers: sent, body }: WireAnswer): string[] {
  const problems: string[] = [];
  if (sent.get("content-type")?.[0] !== "application/json") problems.push("not application/json");
  const { errors } = (parsed(body) ?? {}) as { errors?: unknown };
  if (!Array.isArray(errors) || errors.length === 0) return [...problems, "no OCI envelope"];
  return [...problems, ...(errors as Record<string, unknown>[]).flatMap(entryProblems)];
}

function entryProblems({ code, message, detail }: Record<string, unknown>): string[] {
  const problems: string[] = [];
  if (!ociCodes.has(String(code))) problems.push(`code ${String(code)}`);
  if (typeof message !== "string" || message === "") problems.push("no message");
  if (typeof detail !== "object" || detail === null) problems.push("no detail");
  return problems;
}

function cosmosProblems({ headers: sent, body }: WireAnswer): string[] {
  const problems: string[] = [];
  const expected = "application/vnd.dcos.package.error+json;charset=utf-8;version=v1";
  if (sent.get("content-type")?.[0] !== expected) problems.push("not Cosmos' media type");
  const { type, message } = (parsed(body) ?? {}) as { type?: unknown; message?: unknown };
  if (!cosmosTypes.has(String(type))) problems.push(`error type ${String(type)}`);
  if (typeof message !== "string" || message === "") problems.push("no message");
  return problems;
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
