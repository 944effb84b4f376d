/** Refusals that concern who asks, not what for. */
import { RegistryError } from "../oci/registry-error.ts";

/** Credentials are missing, wrong or do not suffice. */
export class Unauthorized extends RegistryError {
  readonly code = "UNAUTHORIZED";
  /** Value of `WWW-Authenticate`: how to get in. */
  readonly challenge: string;

  constructor(message: string, challenge: string, detail: Record<string, unknown> = {}) {
    super(message, { reason: message, ...detail });
    this.challenge = challenge;
  }
}

/** No credentials would help. */
export class Denied extends RegistryError {
  readonly code = "DENIED";
  constructor(message: string, detail: Record<string, unknown> = {}) {
    super(message, { reason: message, ...detail });
  }
}

/** Too many wrong passwords from one peer. */
export class TooManyLogins extends RegistryError {
  readonly code = "TOOMANYREQUESTS";
  /** Value of `Retry-After`, in seconds. */
  readonly retryAfterSeconds: number;

  constructor(retryAfterSeconds: number) {
    super(`too many failed logins; try again in ${retryAfterSeconds} s`, { retryAfterSeconds });
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** A file of users or tokens that cannot be used; the message never repeats its content. */
export class CredentialsFileInvalid extends Error {
  readonly code = "CREDENTIALS_FILE_INVALID";
  readonly file: string;

  constructor(file: string, why: string, options?: ErrorOptions) {
    super(`${file}: ${why}`, options);
    this.name = "CredentialsFileInvalid";
    this.file = file;
  }
}
