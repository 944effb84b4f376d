/** What every command gets from the entry point; nothing in `cli/` reads `process` beside this. */
import type { Command } from "commander";
import type { Terminal } from "./terminal.ts";

export interface CliContext {
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Absolute; relative paths of the user are resolved against it, printed as typed. */
  readonly workingDirectory: string;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

/** One command a file: declares its options, makes one call, prints. Throws what it cannot do. */
export type CommandFactory = (context: CliContext) => Command;
