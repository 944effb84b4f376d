/** What every command gets from the entry point; nothing in `cli/` reads `process` beside this. */
import type { Command } from "commander";
import type { Terminal, TerminalInput } from "./terminal.ts";

export interface CliContext {
  readonly terminal: Terminal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Absolute; relative paths of the user are resolved against it, printed as typed. */
  readonly workingDirectory: string;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** Where answers and passwords are read; absent when nobody can be asked. */
  readonly input?: TerminalInput;
  /** −1 quiet (data and errors only), 0 as usual, 1 what is done over the network, 2 stacks too. */
  readonly verbosity?: number;
  /** Addresses of a host, none when it is not known; the system's way when absent. For `doctor`. */
  readonly resolveHost?: (host: string) => Promise<readonly string[]>;
  /** Of this program; shown by `--version` and sent as User-Agent. */
  readonly version?: string;
}

/** One command a file: declares its options, makes one call, prints. Throws what it cannot do. */
export type CommandFactory = (context: CliContext) => Command;

/** Whether the user asked, by `-q`, for data and errors only. */
export function isQuiet(context: CliContext): boolean {
  return (context.verbosity ?? 0) < 0;
}
