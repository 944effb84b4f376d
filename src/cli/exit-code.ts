/**
 * The one place where failures become exit codes.
 *
 * Scripts branch on these numbers, so a number never changes its meaning. Two exceptions follow the
 * original CLI: `describe` of an unknown package and `build` onto an existing file end with 1.
 */
import { RegistryRefusal } from "./registry-refusal.ts";

export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 2,
  notFound: 3,
  notAllowed: 4,
  unreachable: 5,
  damaged: 6,
  conflict: 7,
  noSpace: 8,
  interrupted: 130,
} as const;

/** Codes of our own errors, of the registry's answers and of the operating system. */
const byCode: Readonly<Record<string, number>> = {
  USAGE: exitCodes.usage,

  PackageNotFound: exitCodes.notFound,
  VersionNotFound: exitCodes.notFound,
  NAME_UNKNOWN: exitCodes.notFound,
  MANIFEST_UNKNOWN: exitCodes.notFound,
  BLOB_UNKNOWN: exitCodes.notFound,

  UNAUTHORIZED: exitCodes.notAllowed,
  DENIED: exitCodes.notAllowed,
  Unauthorized: exitCodes.notAllowed,
  Forbidden: exitCodes.notAllowed,

  REGISTRY_UNREACHABLE: exitCodes.unreachable,
  NOT_A_REGISTRY: exitCodes.unreachable,
  TOOMANYREQUESTS: exitCodes.unreachable,
  FETCH_FAILED: exitCodes.unreachable,
  UNAVAILABLE: exitCodes.unreachable,
  ServiceUnavailable: exitCodes.unreachable,

  BUNDLE_INVALID: exitCodes.damaged,
  BACKUP_INVALID: exitCodes.damaged,
  DIGEST_INVALID: exitCodes.damaged,
  SIZE_INVALID: exitCodes.damaged,
  STORAGE_DAMAGED: exitCodes.damaged,

  CONFLICT: exitCodes.conflict,
  PackageConflict: exitCodes.conflict,

  INSUFFICIENT_STORAGE: exitCodes.noSpace,
  ENOSPC: exitCodes.noSpace,
  EDQUOT: exitCodes.noSpace,
};

/** For answers whose type is not in the table, such as those of a proxy in between. */
const byStatus: Readonly<Record<number, number>> = {
  401: exitCodes.notAllowed,
  403: exitCodes.notAllowed,
  404: exitCodes.notFound,
  409: exitCodes.conflict,
  413: exitCodes.noSpace,
  429: exitCodes.unreachable,
  502: exitCodes.unreachable,
  503: exitCodes.unreachable,
  504: exitCodes.unreachable,
};

/**
 * @param command the command that failed, for the exceptions that keep old scripts working
 * @returns 1 for everything that the tables do not name
 */
export function exitCodeOf(error: unknown, command?: string): number {
  const code = exitCodeByTable(error);
  return command === "describe" && code === exitCodes.notFound ? exitCodes.failure : code;
}

function exitCodeByTable(error: unknown): number {
  // The distribution specification has no code of its own for a full storage.
  if (error instanceof RegistryRefusal && error.status === 507) return exitCodes.noSpace;
  const named = byCode[codeOf(error) ?? ""];
  if (named !== undefined) return named;
  const answered = error instanceof RegistryRefusal ? byStatus[error.status] : undefined;
  return answered ?? exitCodes.failure;
}

/** The stable code that an error carries, if it does. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
