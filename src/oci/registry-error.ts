/**
 * What can be wrong with a request to a registry, in the words of the distribution specification.
 *
 * Each class carries a stable code and never an HTTP status: `http/` maps codes to answers in one
 * place, `cli/` maps them to exit codes in another.
 */

/** Codes of distribution-spec 1.1, then Docker's own, then ours for failures that neither names. */
export type ErrorCode =
  | "BLOB_UNKNOWN"
  | "BLOB_UPLOAD_INVALID"
  | "BLOB_UPLOAD_UNKNOWN"
  | "DIGEST_INVALID"
  | "MANIFEST_BLOB_UNKNOWN"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "SIZE_INVALID"
  | "UNAUTHORIZED"
  | "DENIED"
  | "UNSUPPORTED"
  | "TOOMANYREQUESTS"
  | "TAG_INVALID"
  | "RANGE_INVALID"
  | "PAGINATION_NUMBER_INVALID"
  | "TOO_MANY_TAGS"
  | "CONFLICT"
  | "INSUFFICIENT_STORAGE"
  | "UNAVAILABLE"
  | "UNKNOWN";

export abstract class RegistryError extends Error {
  abstract readonly code: ErrorCode;
  /** For machines: what exactly, never null (dockerd retries refusals whose detail is null). */
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(message: string, detail: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.detail = detail;
  }
}

export class DigestInvalid extends RegistryError {
  readonly code = "DIGEST_INVALID";
  constructor(text: string, options?: ErrorOptions) {
    super(
      "a digest is sha256: and 64, or sha512: and 128 lower-case hexadecimal digits",
      { digest: text.slice(0, 256) },
      options,
    );
  }
}

/** Bytes that do not hash to the digest they were announced with. */
export class DigestMismatch extends RegistryError {
  readonly code = "DIGEST_INVALID";
  constructor(expected: string, actual: string) {
    super(`the content has digest ${actual}, not ${expected}`, { expected, actual });
  }
}

export class SizeMismatch extends RegistryError {
  readonly code = "SIZE_INVALID";
  constructor(expected: number, actual: number) {
    super(`the content has ${actual} bytes, not ${expected}`, { expected, actual });
  }
}

export class NameInvalid extends RegistryError {
  readonly code = "NAME_INVALID";
  constructor(name: string) {
    super(
      "a repository name is lower-case letters and digits, separated by '.', '_', '__', '-' or '/'",
      { name: name.slice(0, 256) },
    );
  }
}

export class TagInvalid extends RegistryError {
  readonly code = "TAG_INVALID";
  constructor(tag: string) {
    super(
      "a tag is up to 128 letters, digits, '_', '.' and '-', and starts with none of the last two",
      { tag: tag.slice(0, 256) },
    );
  }
}

export class ManifestInvalid extends RegistryError {
  readonly code = "MANIFEST_INVALID";
}

export class ManifestUnknown extends RegistryError {
  readonly code = "MANIFEST_UNKNOWN";
}

export class BlobUnknown extends RegistryError {
  readonly code = "BLOB_UNKNOWN";
  /** @param damaged it was here, and what was found was not what it should have been */
  constructor(digest: string, damaged = false) {
    const why = damaged ? "was found damaged and is not served; push it again" : "is not here";
    super(`blob ${digest} ${why}`, { digest, ...(damaged && { damaged }) });
  }
}
