/**
 * Prints a failure in at most three lines: what, where, and what to do.
 *
 * Tells "Error" (found here) from "Error response from registry" (found there). Stacks are for
 * `-vv`; nothing here sees a credential, since errors are made without them.
 */
import { codeOf } from "./exit-code.ts";
import { RegistryRefusal } from "./registry-refusal.ts";
import { printable, type Terminal } from "./terminal.ts";

export interface ErrorStyle {
  readonly terminal: Terminal;
  readonly verbosity: number;
  /** The command that failed; `describe` prints the words of the original for what is not there. */
  readonly command: string | undefined;
}

export function printError(error: unknown, style: ErrorStyle): void {
  const { terminal, verbosity } = style;
  const lines = [headline(error, style)];
  const where = textField(error, "where");
  if (where !== undefined) lines.push(`  at ${printable(where)}`);
  const hint = textField(error, "hint");
  const code = codeOf(error);
  const suffix = code === undefined ? "" : `   [${code}]`;
  if (hint !== undefined) lines.push(`${paint("Hint:", 2, terminal)} ${printable(hint)}${suffix}`);
  if (verbosity > 0)
    lines.push(...causesOf(error).map((cause) => `  caused by: ${printable(cause)}`));
  if (verbosity > 1 && error instanceof Error && error.stack) lines.push(printable(error.stack));
  terminal.stderr.write(`${lines.join("\n")}\n`);
}

function headline(error: unknown, { terminal, command }: ErrorStyle): string {
  // Messages may quote a registry or a file; the only escape sequences printed are our own.
  const message = printable(error instanceof Error ? error.message : String(error));
  if (command === "describe" && isNotFound(error)) return message;
  const label = error instanceof RegistryRefusal ? "Error response from registry:" : "Error:";
  return `${paint(label, 31, terminal)} ${message}`;
}

function isNotFound(error: unknown): boolean {
  const code = codeOf(error);
  return code === "VersionNotFound" || code === "PackageNotFound";
}

function paint(text: string, color: number, { color: wanted }: Terminal): string {
  return wanted ? `\u001b[${color}m${text}\u001b[0m` : text;
}

function causesOf(error: unknown): string[] {
  const causes: string[] = [];
  let next = error instanceof Error ? error.cause : undefined;
  while (next instanceof Error && causes.length < 10) {
    causes.push(next.message);
    next = next.cause;
  }
  return causes;
}

function textField(error: unknown, name: "where" | "hint"): string | undefined {
  if (!(error instanceof Error) || !(name in error)) return undefined;
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" && value !== "" ? value : undefined;
}
