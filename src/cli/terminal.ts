/** Where commands print: stdout carries data, stderr everything else. */
import type { Readable, Writable } from "node:stream";

export interface Terminal {
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Whether stderr is a terminal, so that progress may be drawn over itself. */
  readonly interactive: boolean;
  /** Width in columns, 80 when unknown. */
  readonly columns: number;
  /** Whether stderr takes colours; absent means no. */
  readonly color?: boolean;
}

export interface TerminalInput {
  readonly stream: Readable;
  /** Whether a person sits there, so that a question makes sense. */
  readonly interactive: boolean;
}

/** The rules of no-color.org: `NO_COLOR` wins, `FORCE_COLOR` comes next, a dumb terminal has none. */
export function wantsColor(
  environment: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): boolean {
  if (environment["NO_COLOR"]) return false;
  const forced = environment["FORCE_COLOR"];
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  return isTerminal && environment["TERM"] !== "dumb";
}

/** Control characters but tab and line feed; and those that change the direction of text. */
const harmful = /[^\t\n\P{Cc}]|[\u202a-\u202e\u2066-\u2069]/gu;

/**
 * Makes text from elsewhere (a server, a file name) safe to print: what could move the cursor or
 * change the title of a terminal becomes `?`.
 */
export function printable(text: string): string {
  return text.replace(harmful, "?");
}
