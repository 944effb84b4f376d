/**
 * A package's template and where it stands, so that findings about it point to the right place.
 *
 * A template has its own file in a package directory; inside a build definition it is base64, and a
 * finding then names the field and says the line in words.
 */
import type { Finding, Findings, Severity } from "./finding.ts";
import type { JsonCursor } from "./json-cursor.ts";
import { decodeText, hasByteOrderMark } from "./json-document.ts";
import { LineIndex } from "./line-index.ts";

export interface TemplateProblem {
  readonly code: string;
  readonly severity: Severity;
  /** UTF-16 offset in the template. */
  readonly offset: number;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly excerpt?: readonly string[];
}

export class TemplateSource {
  readonly text: string;
  /** Of the bytes as they are, line ends included; without a byte order mark. */
  readonly base64: string;
  readonly #lines: LineIndex;
  readonly #file: string;
  readonly #field: JsonCursor | undefined;
  readonly #findings: Findings;

  private constructor(
    bytes: Buffer,
    place: { file: string; field?: JsonCursor },
    findings: Findings,
  ) {
    this.text = bytes.toString("utf8");
    this.base64 = bytes.toString("base64");
    this.#lines = new LineIndex(this.text);
    this.#file = place.file;
    this.#field = place.field;
    this.#findings = findings;
  }

  /** What a template file holds; undefined, with a finding, when it is no text. */
  static file(bytes: Buffer, file: string, findings: Findings): TemplateSource | undefined {
    if (decodeText(bytes, file, findings) === undefined) return undefined;
    const content = hasByteOrderMark(bytes) ? bytes.subarray(3) : bytes;
    return new TemplateSource(content, { file }, findings);
  }

  /** @param field a string that `isBase64Text` holds for */
  static field(field: JsonCursor, findings: Findings): TemplateSource {
    const bytes = Buffer.from(String(field.value), "base64");
    return new TemplateSource(bytes, { file: field.file, field }, findings);
  }

  report({ code, severity, offset, message, hint, excerpt }: TemplateProblem): void {
    const { line, column } = this.#lines.position(offset);
    const found = { code, severity, file: this.#file };
    const finding: Finding = this.#field
      ? {
          ...found,
          ...this.#field.position,
          pointer: this.#field.pointer,
          message: `template line ${line}, column ${column}: ${message}`,
        }
      : { ...found, line, column, message };
    this.#findings.add({
      ...finding,
      ...(hint !== undefined && { hint }),
      ...(excerpt && excerpt.length > 0 && { excerpt }),
    });
  }
}
