/**
 * Prints a failure in at most three lines: what, where, and what to do.
 *
 * Tells "Error" (found here) from "Error response from registry" (found there). Stacks are for
 * `-vv`; nothing here sees a credential, since errors are made without them.
 */
import { type Finding, formatFinding, PackageInvalid } from "../packages/finding.ts";
import { BuildFailed } from "./build/build-failed.ts";
import { codeOf } from "./exit-code.ts";
import { arrayOf, fieldsOf, numberOf, textOf } from "./json-fields.ts";
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
  const findings = findingsOf(error);
  const lines = [...findings.map(formatFinding), headline(error, findings, style)];
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

function headline(error: unknown, findings: readonly Finding[], style: ErrorStyle): string {
  const { terminal, command } = style;
  const counted = findings.length > 0 && !(error instanceof BuildFailed);
  const message = counted ? countOf(findings) : messageOf(error);
  if (command === "describe" && isNotFound(error)) return message;
  const label = error instanceof RegistryRefusal ? "Error response from registry:" : "Error:";
  return `${paint(label, 31, terminal)} ${message}`;
}

/** Messages may quote a registry or a file; the only escape sequences printed are our own. */
function messageOf(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error));
}

function countOf(findings: readonly Finding[]): string {
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const warnings = findings.length - errors;
  const rest = warnings > 0 ? `, ${warnings} warning${warnings > 1 ? "s" : ""}` : "";
  return `the package definition is not valid (${errors} error${errors > 1 ? "s" : ""}${rest})`;
}

/** All findings about a definition are shown, whether they were found here or by the registry. */
function findingsOf(error: unknown): readonly Finding[] {
  if (error instanceof PackageInvalid || error instanceof BuildFailed) return error.findings;
  return error instanceof RegistryRefusal ? arrayOf(error.data["findings"]).map(findingOf) : [];
}

function findingOf(value: unknown): Finding {
  const fields = fieldsOf(value);
  const line = numberOf(fields["line"]);
  const column = numberOf(fields["column"]);
  const pointer = textOf(fields["pointer"]);
  const hint = textOf(fields["hint"]);
  return {
    code: textOf(fields["code"]) ?? "",
    severity: fields["severity"] === "warning" ? "warning" : "error",
    file: textOf(fields["file"]) ?? "",
    message: textOf(fields["message"]) ?? "",
    ...(line !== undefined && { line }),
    ...(column !== undefined && { column }),
    ...(pointer !== undefined && { pointer }),
    ...(hint !== undefined && { hint }),
  };
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
