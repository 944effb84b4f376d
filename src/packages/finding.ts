/**
 * What is wrong, or doubtful, in a package definition, and where.
 *
 * Every finding has a stable code (`E…` error, `W…` warning) and, when it concerns a place in a
 * file, the line and column a person can jump to. Depends on nothing.
 */

export type Severity = "error" | "warning";

export interface Finding {
  /** `E103`, `W141`, … */
  readonly code: string;
  readonly severity: Severity;
  /** As the user typed it. */
  readonly file: string;
  /** From 1; absent when the finding is about the file as a whole. */
  readonly line?: number;
  /** From 1, in UTF-16 units as editors count; absent when only the line is known. */
  readonly column?: number;
  /** JSON pointer (RFC 6901). */
  readonly pointer?: string;
  readonly message: string;
  readonly hint?: string;
  /** Lines to show below the message, such as what a template rendered to. */
  readonly excerpt?: readonly string[];
}

/** Where a finding is. */
export type FindingPlace = Pick<Finding, "file" | "line" | "column" | "pointer">;

/** Collects the findings of one run, so that a user sees all of them at once. */
export class Findings {
  /** Of each severity: more would help nobody, and a hostile document could have one per byte. */
  static readonly limit = 1000;
  readonly #errors: Finding[] = [];
  readonly #warnings: Finding[] = [];

  add(finding: Finding): void {
    const same = finding.severity === "error" ? this.#errors : this.#warnings;
    if (same.length < Findings.limit) same.push(finding);
  }

  /** Whether further errors are dropped, so that nobody need work on their words. */
  get isFull(): boolean {
    return this.#errors.length >= Findings.limit;
  }

  get hasErrors(): boolean {
    return this.#errors.length > 0;
  }

  /** By file, then line, then column; findings about whole files first. */
  sorted(): Finding[] {
    return [...this.#errors, ...this.#warnings].sort(
      (a, b) =>
        compareText(a.file, b.file) ||
        (a.line ?? 0) - (b.line ?? 0) ||
        (a.column ?? 0) - (b.column ?? 0) ||
        compareText(a.code, b.code),
    );
  }

  /** @throws {PackageInvalid} when there is an error among the findings */
  throwIfErrors(): void {
    if (this.hasErrors) throw new PackageInvalid(this.sorted());
  }
}

/** A definition that cannot be used; carries every finding, warnings included. */
export class PackageInvalid extends Error {
  readonly code = "PACKAGE_INVALID";
  readonly findings: readonly Finding[];

  /** @param findings at least one of severity `error` */
  constructor(findings: readonly Finding[], options?: ErrorOptions) {
    super(describeErrors(findings), options);
    this.name = new.target.name;
    this.findings = findings;
  }
}

/** The printed form: `file:line:column: error E123: text [at /pointer]`, then excerpt and hint, indented. */
export function formatFinding(finding: Finding): string {
  const { file, line, column, severity, code, message, pointer, hint, excerpt } = finding;
  const place = [file, line, line === undefined ? undefined : column].filter(
    (part) => part !== undefined,
  );
  const end = pointer ? ` [at ${pointer}]` : "";
  const lines = [`${place.join(":")}: ${severity} ${code}: ${message}${end}`];
  for (const shown of excerpt ?? []) lines.push(`    ${shown}`);
  if (hint) lines.push(`  hint: ${hint}`);
  return lines.map(printable).join("\n");
}

/** The `--json` form of a finding: every key is there, unknown places are null. */
export function findingToJson(finding: Finding): Record<string, unknown> {
  const { code, severity, file, line, column, pointer, message, hint, excerpt } = finding;
  return {
    code,
    severity,
    file,
    line: line ?? null,
    column: column ?? null,
    pointer: pointer ?? null,
    message,
    hint: hint ?? null,
    ...(excerpt && { excerpt }),
  };
}

/** With `--strict` a doubt is a refusal; notes (W200) are no doubts. */
export function strictly(findings: readonly Finding[]): Finding[] {
  return findings.map((finding) =>
    finding.code === "W200" ? finding : { ...finding, severity: "error" },
  );
}

/** Keeps control and direction characters of a hostile document from reaching a terminal. */
function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function describeErrors(findings: readonly Finding[]): string {
  const [first, ...more] = findings.filter(({ severity }) => severity === "error");
  if (!first) return "the package definition is not valid";
  const place = first.line === undefined ? first.file : `${first.file}:${first.line}`;
  const rest = more.length > 0 ? ` (and ${more.length} more)` : "";
  return printable(`${place}: ${first.code}: ${first.message}${rest}`);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
