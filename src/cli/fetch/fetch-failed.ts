/**
 * Why something could not be fetched, in the words of the message catalogue (E142).
 *
 * The message is the reason alone; what was being fetched, and for what, the caller knows and says.
 * No URL is in it: redirects may lead to signed ones.
 */

export interface FetchFailedOptions extends ErrorOptions {
  /** HTTP status, when there was an answer. */
  readonly status?: number;
  /** Whether another attempt may succeed. */
  readonly retryable?: boolean;
  /** How long the server asks to wait. */
  readonly retryAfterMs?: number | undefined;
}

export class FetchFailed extends Error {
  readonly code = "FETCH_FAILED";
  readonly status: number | undefined;
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(
    reason: string,
    { status, retryable, retryAfterMs, ...options }: FetchFailedOptions = {},
  ) {
    super(reason, options);
    this.name = new.target.name;
    this.status = status;
    this.retryable = retryable ?? false;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Statuses that say "later", not "no". */
const passing = new Set([408, 429, 500, 502, 503, 504]);

export function httpFailure(
  status: number,
  statusText: string,
  retryAfter: string | undefined,
): FetchFailed {
  const seconds = /^\d{1,5}$/.test(retryAfter ?? "") ? Number(retryAfter) : undefined;
  const text = statusText.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 80);
  return new FetchFailed(`HTTP ${status} ${text}`.trimEnd(), {
    status,
    retryable: passing.has(status),
    retryAfterMs: seconds === undefined ? undefined : seconds * 1000,
  });
}

/** `truncated: got 1,024 of 4,096 bytes`; worth another attempt. */
export function truncatedFailure(got: number, total: number | undefined, cause?: unknown) {
  const of = total === undefined ? "" : ` of ${total.toLocaleString("en-US")}`;
  return new FetchFailed(`truncated: got ${got.toLocaleString("en-US")}${of} bytes`, {
    cause,
    retryable: true,
  });
}

interface Explanation {
  readonly reason: string;
  readonly retryable: boolean;
}

const no = (reason: string): Explanation => ({ reason, retryable: false });
const maybe = (reason: string): Explanation => ({ reason, retryable: true });
const untrusted = (why: string) => no(`certificate not trusted (${why})`);

/** Codes of Node, OpenSSL and undici. */
const explanations: Readonly<Record<string, Explanation>> = {
  ENOTFOUND: no("name not found"),
  EAI_AGAIN: maybe("name not found (the name server does not answer)"),
  ECONNREFUSED: no("connection refused"),
  EHOSTUNREACH: no("no route to the host"),
  ENETUNREACH: no("no route to the host"),
  ECONNRESET: maybe("connection reset"),
  EPIPE: maybe("connection reset"),
  UND_ERR_SOCKET: maybe("connection reset"),
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: maybe("connection reset"),
  PROXY_CLOSED: no("the proxy closed the connection"),
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted("self-signed"),
  SELF_SIGNED_CERT_IN_CHAIN: untrusted("self-signed certificate in its chain"),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted("unknown issuer"),
  UNABLE_TO_GET_ISSUER_CERT: untrusted("unknown issuer"),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted("unknown issuer"),
  CERT_HAS_EXPIRED: untrusted("expired"),
  CERT_NOT_YET_VALID: untrusted("not valid yet"),
  ERR_TLS_CERT_ALTNAME_INVALID: untrusted("made for other names"),
};

const silent = new Set([
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_CONNECT_TIMEOUT",
  "ETIMEDOUT",
]);

/** Puts a failure of the network into words; what is no such failure comes back as it is. */
export function explainFailure(error: unknown, idleTimeoutMs: number): unknown {
  const codes = codesOf(error);
  if (codes.some((code) => silent.has(code))) {
    const reason = `timed out after ${idleTimeoutMs / 1000} s`;
    return new FetchFailed(reason, { cause: error, retryable: true });
  }
  const known = codes.find((code) => Object.hasOwn(explanations, code));
  if (known !== undefined) {
    const { reason, retryable } = explanations[known] as Explanation;
    return new FetchFailed(reason, { cause: error, retryable });
  }
  const tunnel = /^Proxy response \((\d+)\)/.exec(error instanceof Error ? error.message : "");
  if (tunnel) return new FetchFailed(`the proxy answered ${tunnel[1]}`, { cause: error });
  if (codes.some(speaksNoTls)) return new FetchFailed("TLS failed", { cause: error });
  if (codes.some((code) => /^(?:UND_ERR|HPE)_/.test(code))) {
    return new FetchFailed("the answer is not HTTP", { cause: error });
  }
  return error;
}

/** What a client sees when the other side does not speak TLS on this port. */
export function isTlsFailure(error: unknown): boolean {
  return codesOf(error).some(speaksNoTls);
}

function speaksNoTls(code: string): boolean {
  return code === "EPROTO" || code.startsWith("ERR_SSL_");
}

/** Codes of the error, its causes and the parts of aggregates (one for each address of a host). */
export function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  const waiting = [error];
  for (let count = 0; waiting.length > 0 && count < 20; count += 1) {
    const next = waiting.shift();
    if (!(next instanceof Error)) continue;
    if ("code" in next && typeof next.code === "string") codes.push(next.code);
    if (next instanceof AggregateError) waiting.push(...next.errors);
    waiting.push(next.cause);
  }
  return codes;
}
