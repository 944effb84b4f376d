/**
 * What a command could not do, told in three lines: what happened, where, what to do.
 *
 * Codes are stable and mapped to exit codes in `exit-code.ts`; no class knows one.
 */

export interface ErrorContext {
  /** The file, URL or option that the message is about. */
  readonly where?: string | undefined;
  /** A sentence that says what to do next. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

export abstract class CliError extends Error {
  abstract readonly code: string;
  readonly where: string | undefined;
  readonly hint: string | undefined;

  constructor(message: string, { where, hint, cause }: ErrorContext = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.where = where;
    this.hint = hint;
  }
}

/** The command line, or a variable that stands for a part of it, makes no sense. */
export class UsageError extends CliError {
  readonly code = "USAGE";
}

/** SIGINT or SIGTERM came before the command was through. */
export class Interrupted extends CliError {
  readonly code = "INTERRUPTED";
  constructor(context: ErrorContext = {}) {
    super("interrupted", context);
  }
}

/** A file named on the command line cannot be read. */
export class FileUnreadable extends CliError {
  readonly code = "FILE_UNREADABLE";
}
