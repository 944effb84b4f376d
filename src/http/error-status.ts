/**
 * The one table from error codes to HTTP statuses, for the OCI and the Cosmos envelope alike.
 *
 * Errors below `http/` know nothing of statuses; what has no code here is a fault of ours.
 */
import type { CatalogError } from "../catalog/catalog-error.ts";
import type { ErrorCode } from "../oci/registry-error.ts";
import type { CollectionOff } from "../registry/collector/garbage-collection.ts";
import type { RequestError } from "./request-error.ts";

type CatalogCode = CatalogError["code"] | "BUNDLE_INVALID" | "PACKAGE_INVALID";
type CollectionCode = CollectionOff["code"];

const statuses: Readonly<
  Record<ErrorCode | CatalogCode | CollectionCode | RequestError["code"], number>
> = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 404,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  UNAUTHORIZED: 401,
  DENIED: 403,
  // 405 where it is the method that is not supported: see MethodNotAllowed.
  UNSUPPORTED: 400,
  TOOMANYREQUESTS: 429,
  TAG_INVALID: 400,
  RANGE_INVALID: 416,
  PAGINATION_NUMBER_INVALID: 400,
  TOO_MANY_TAGS: 414,
  CONFLICT: 409,
  INSUFFICIENT_STORAGE: 507,
  UNAVAILABLE: 503,
  UNKNOWN: 500,
  // Cosmos answers 400 to what it does not find, and its clients expect no 404.
  PackageNotFound: 400,
  VersionNotFound: 400,
  PackageConflict: 409,
  BUNDLE_INVALID: 400,
  PACKAGE_INVALID: 400,
  GC_OFF: 409,
  NotFound: 404,
  MethodNotAllowed: 405,
  RequestTooLarge: 413,
  UrlTooLong: 414,
  ConditionFailed: 412,
  RangeNotSatisfiable: 416,
  json_error: 400,
  not_valid: 400,
};

export interface CodedError extends Error {
  readonly code: string;
}

/** Whether `error` is one of ours: its message is then meant for clients. */
export function isCodedError(error: unknown): error is CodedError {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    Object.hasOwn(statuses, error.code)
  );
}

/** The status of an error code; 500 for what is none of ours. */
export function statusOf(code: string): number {
  return Object.hasOwn(statuses, code) ? statuses[code as keyof typeof statuses] : 500;
}
