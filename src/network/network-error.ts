/**
 * What somebody has set for outgoing connections that makes no sense.
 *
 * Carries what the command line prints below the message: where, and what to do.
 */

export interface SettingContext extends ErrorOptions {
  readonly where?: string;
  readonly hint?: string;
}

abstract class NetworkSettingInvalid extends Error {
  abstract readonly code: string;
  readonly where: string | undefined;
  readonly hint: string | undefined;

  constructor(message: string, { where, hint, ...options }: SettingContext = {}) {
    super(message, options);
    this.name = new.target.name;
    this.where = where;
    this.hint = hint;
  }
}

/** A proxy variable is no URL of a proxy; it may hold a password, so it is never shown. */
export class ProxyInvalid extends NetworkSettingInvalid {
  readonly code = "USAGE";
}

/** A file of CA certificates cannot be read or used. */
export class CaFileUnreadable extends NetworkSettingInvalid {
  readonly code = "FILE_UNREADABLE";
}
