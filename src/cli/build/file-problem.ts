/** One file of a package that cannot be bundled, with its code in the message catalogue. */
import type { FileReference } from "../../packages/definition-files.ts";
import type { Finding, FindingPlace } from "../../packages/finding.ts";
import { quote } from "../../packages/quote.ts";

export interface FileProblemOptions extends ErrorOptions {
  readonly hint?: string;
}

export class FileProblem extends Error {
  readonly code: string;
  readonly reference: FileReference;
  readonly hint: string | undefined;

  constructor(
    reference: FileReference,
    code: string,
    message: string,
    { hint, ...options }: FileProblemOptions = {},
  ) {
    super(`${nameOf(reference)}: ${message}`, options);
    this.name = new.target.name;
    this.code = code;
    this.reference = reference;
    this.hint = hint;
  }

  toFinding(place: FindingPlace): Finding {
    const { code, message, hint } = this;
    return { ...place, code, severity: "error", message, ...(hint && { hint }) };
  }
}

/** How messages call the place that names a file. */
export function nameOf({ kind, key }: FileReference): string {
  if (kind === "cli") return `CLI binary for ${key} (x86-64)`;
  if (kind === "icon") return `icon ${quote(key)}`;
  return kind === "asset" ? `asset ${quote(key)}` : `screenshot ${Number(key) + 1}`;
}
