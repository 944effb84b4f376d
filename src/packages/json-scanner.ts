/**
 * Splits JSON text (RFC 8259, nothing lenient) into tokens with offsets.
 *
 * The built-in parser hides duplicate keys and often gives no position; this one exists for exact
 * messages. It looks at each character once and keeps no state but the offset.
 */
import { quote } from "./quote.ts";

export type TokenKind = "{" | "}" | "[" | "]" | ":" | "," | "string" | "number" | "word" | "end";

export interface Token {
  readonly kind: TokenKind;
  readonly start: number;
  readonly end: number;
}

/** Text that is no JSON; `offset` is in UTF-16 units. */
export class JsonSyntaxError extends Error {
  readonly offset: number;
  readonly hint: string | undefined;

  constructor(message: string, offset: number, hint?: string) {
    super(message);
    this.name = "JsonSyntaxError";
    this.offset = offset;
    this.hint = hint;
  }
}

const blank = /[ \t\r\n]*/y;
const word = /[^\s{}[\],:"]+/y;
const number = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const punctuation = new Set<string>(["{", "}", "[", "]", ":", ","]);

/**
 * @returns the token at or after `offset`, blanks skipped
 * @throws {JsonSyntaxError}
 */
export function scanToken(text: string, offset: number): Token {
  blank.lastIndex = offset;
  blank.test(text);
  const start = blank.lastIndex;
  const first = text[start];
  if (first === undefined) return { kind: "end", start, end: start };
  if (punctuation.has(first)) return { kind: first as TokenKind, start, end: start + 1 };
  if (first === '"') return { kind: "string", start, end: endOfString(text, start) };
  word.lastIndex = start;
  const end = word.test(text) ? word.lastIndex : start + 1;
  return { kind: kindOfWord(text.slice(start, Math.min(end, start + 2000)), start), start, end };
}

/** What a message calls the token: `'"uris"'`, `the end of the text`. */
export function nameToken(text: string, { kind, start, end }: Token): string {
  if (kind === "end") return "the end of the text";
  const shown = text.slice(start, Math.min(end, start + 40));
  return `'${shown}${end - start > 40 ? "…" : ""}'`;
}

function kindOfWord(found: string, offset: number): TokenKind {
  if (found === "true" || found === "false" || found === "null") return "word";
  if (number.test(found)) {
    checkNumber(found, offset);
    return "number";
  }
  throw new JsonSyntaxError(...explainWord(found, offset));
}

/** Numbers that JavaScript would silently change are refused: what goes out must be what came in. */
function checkNumber(found: string, offset: number): void {
  const value = Number(found);
  const shown = found.length > 40 ? `${found.slice(0, 40)}…` : found;
  if (!Number.isFinite(value)) throw new JsonSyntaxError(`number ${shown} is too large`, offset);
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new JsonSyntaxError(`number ${shown} is beyond 2^53 and would lose digits`, offset);
  }
}

function explainWord(found: string, offset: number): [string, number, string?] {
  const shown = quote(found).slice(1, -1);
  const lower = found.toLowerCase();
  if (found.startsWith("//") || found.startsWith("/*") || found.startsWith("#")) {
    return ["JSON has no comments", offset, "remove the comment"];
  }
  if (found.startsWith("'")) return ["strings are written in double quotes", offset];
  if (lower === "true" || lower === "false" || lower === "null" || lower === "none") {
    const meant = lower === "none" ? "null" : lower;
    return [`'${shown}' is not JSON`, offset, `write ${meant}`];
  }
  if (/^[-+.0-9]/.test(found)) return [`'${shown}' is not a JSON number`, offset];
  return [`expected a value but found '${shown}'`, offset, "text is written in double quotes"];
}

function endOfString(text: string, start: number): number {
  let offset = start + 1;
  for (;;) {
    const code = text.charCodeAt(offset);
    if (code === 0x22) return offset + 1;
    if (code === 0x5c) offset += escapeLength(text, offset);
    else if (code < 0x20 || Number.isNaN(code)) throw brokenString(text, start, offset);
    else offset += 1;
  }
}

function escapeLength(text: string, offset: number): number {
  const kind = text[offset + 1];
  if (kind !== undefined && '"\\/bfnrt'.includes(kind)) return 2;
  if (kind !== "u") {
    throw new JsonSyntaxError(
      `'\\${kind ?? ""}' is not an escape`,
      offset,
      "a backslash is written \\\\",
    );
  }
  const unit = hexUnit(text, offset);
  if (unit < 0xd800 || unit > 0xdfff) return 6;
  const low = unit < 0xdc00 && text.startsWith("\\u", offset + 6) ? hexUnit(text, offset + 6) : 0;
  if (low < 0xdc00 || low > 0xdfff) {
    throw new JsonSyntaxError("half of a surrogate pair is no character", offset);
  }
  return 12;
}

function hexUnit(text: string, offset: number): number {
  const digits = text.slice(offset + 2, offset + 6);
  if (!/^[0-9a-fA-F]{4}$/.test(digits)) {
    throw new JsonSyntaxError("\\u needs four hexadecimal digits", offset);
  }
  return Number.parseInt(digits, 16);
}

function brokenString(text: string, start: number, offset: number): JsonSyntaxError {
  const code = text.charCodeAt(offset);
  if (Number.isNaN(code)) return new JsonSyntaxError("the string is never closed", start);
  if (code === 0x0a || code === 0x0d) {
    return new JsonSyntaxError(
      "the string is not closed on its line",
      start,
      'a line break is written \\n; is a " missing?',
    );
  }
  const name =
    code === 0x09 ? "a raw tab" : `the control character \\u${code.toString(16).padStart(4, "0")}`;
  return new JsonSyntaxError(`${name} must be escaped in a string`, offset);
}
