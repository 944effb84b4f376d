/**
 * What an S3 server and the way to it say, as errors of the ObjectStore port.
 *
 * Some servers put access keys and signatures into their error documents, so only the code, the
 * status and the id of the request are kept.
 */
import { S3ServiceException } from "@aws-sdk/client-s3";
import { isUntrusted } from "../../network/untrusted.ts";
import { StoreFull, StoreUnavailable } from "../store-error.ts";
import { NetworkFailure } from "./http-handler.ts";

/** One request that failed: the `cause` of the port's error. */
export class S3RequestFailed extends Error {
  /** As the server names it, for example `SlowDown`, or the platform's code. */
  readonly code: string;
  /** HTTP status; undefined when there was no answer. */
  readonly status: number | undefined;
  /** By which the server's operator finds it in the log. */
  readonly requestId: string | undefined;
  readonly attempts: number;

  constructor(operation: string, error: unknown) {
    const { code, status, requestId, attempts } = facts(error);
    super(`${operation}: ${status === undefined ? "" : `HTTP ${status} `}${code}`);
    this.name = "S3RequestFailed";
    this.code = code;
    this.status = status;
    this.requestId = requestId;
    this.attempts = attempts;
  }

  /** The bucket is there, the key is not. */
  get isAbsent(): boolean {
    return this.status === 404 && this.code !== "NoSuchBucket" && this.code !== "NoSuchUpload";
  }

  /** Lost a race (412), raced a writer still in flight (409), or replaced what is not there (404). */
  get isConflict(): boolean {
    return this.status === 412 || this.status === 409 || this.isAbsent;
  }

  get isFull(): boolean {
    return this.status === 507 || fullCodes.has(this.code);
  }
}

const fullCodes = new Set([
  "QuotaExceeded",
  "InsufficientStorage",
  "InsufficientCapacity",
  "XMinioStorageFull",
  "XMinioAdminBucketQuotaExceeded",
]);

/** For whatever is neither expected nor an abort by the caller. */
export function storeError(what: string, failure: S3RequestFailed): StoreFull | StoreUnavailable {
  if (failure.isFull) return new StoreFull({ cause: failure });
  const why = isUntrusted(failure.code)
    ? `${failure.code}: nobody trusted here has signed the certificate; --ca names further roots`
    : failure.code;
  return new StoreUnavailable(`${what} failed (${why})`, { cause: failure });
}

interface Facts {
  readonly code: string;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  readonly attempts: number;
}

function facts(error: unknown): Facts {
  if (error instanceof S3ServiceException) {
    const { httpStatusCode: status, requestId, attempts = 1 } = error.$metadata;
    return { code: harmless(error.name), status, requestId: requestId?.slice(0, 100), attempts };
  }
  const attempts = attemptsOf(error);
  const code = error instanceof NetworkFailure ? error.code : codeIn(error);
  return { code: harmless(code), status: undefined, requestId: undefined, attempts };
}

function codeIn(error: unknown): string {
  if (!(error instanceof Error)) return "UNKNOWN";
  return "code" in error ? String(error.code) : error.name;
}

/** The client notes on any error how often it tried. */
function attemptsOf(error: unknown): number {
  const { $metadata } = (error ?? {}) as { $metadata?: { attempts?: number } };
  return $metadata?.attempts ?? 1;
}

/** A code is a word; anything else could be anything. */
function harmless(code: string): string {
  return /^[A-Za-z0-9_.-]{1,60}$/.test(code) ? code : "UNKNOWN";
}
