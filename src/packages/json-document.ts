/**
 * A JSON file with the place of every value in it.
 *
 * Stricter than the built-in parser: duplicate keys are errors, numbers keep their value, depth and
 * size are bounded, so that a hostile document costs little. Values come from `JSON.parse`, whose
 * objects hold a key `__proto__` as an ordinary one; read them with `Object.hasOwn`.
 */
import { isUtf8 } from "node:buffer";
import type { Findings } from "./finding.ts";
import { parsePointer } from "./json-pointer.ts";
import { JsonSyntaxError } from "./json-scanner.ts";
import { type JsonNode, parseJsonTree } from "./json-tree.ts";
import { LineIndex, type Position } from "./line-index.ts";
import type { JsonValue } from "./package-definition.ts";

/** Bytes; the largest definition of the public catalogue has about 200 kB. */
export const maxDocumentSize = 4 * 1024 * 1024;

export class JsonDocument {
  readonly file: string;
  readonly value: JsonValue;
  readonly #lines: LineIndex;
  readonly #root: JsonNode;

  constructor(file: string, text: string, root: JsonNode, lines: LineIndex) {
    this.file = file;
    this.value = JSON.parse(text) as JsonValue;
    this.#lines = lines;
    this.#root = root;
  }

  /** Where the value stands, for members of objects their key; the nearest place that exists. */
  position(pointer: string): Position {
    let node = this.#root;
    for (const step of parsePointer(pointer)) {
      const next = node.children?.get(step);
      if (!next) break;
      node = next;
    }
    return this.#lines.position(node.offset);
  }
}

/**
 * Parses what a file holds; everything wrong with it becomes a finding.
 *
 * @param file how messages name it
 * @returns undefined when there is no value at all (E102, E103)
 */
export function parseJsonDocument(
  bytes: Buffer,
  file: string,
  findings: Findings,
): JsonDocument | undefined {
  const text = decodeText(bytes, file, findings);
  if (text === undefined) return undefined;
  const lines = new LineIndex(text);
  try {
    const root = parseJsonTree(text, ({ key, pointer, first, offset }) => {
      const line = lines.position(first).line;
      findings.add({
        code: "E104",
        severity: "error",
        file,
        ...lines.position(offset),
        pointer,
        message: `key ${key} appears twice (first on line ${line}); the first value would be ignored`,
      });
    });
    return new JsonDocument(file, text, root, lines);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const { message, hint, offset } = error;
    const place = lines.position(offset);
    findings.add({
      code: "E103",
      severity: "error",
      file,
      ...place,
      message,
      ...(hint && { hint }),
    });
    return undefined;
  }
}

/** UTF-8 with an optional byte order mark, which is removed (W102); undefined when not UTF-8 (E102). */
export function decodeText(bytes: Buffer, file: string, findings: Findings): string | undefined {
  const where = { severity: "error", file } as const;
  if (bytes.byteLength > maxDocumentSize) {
    const message = `${bytes.byteLength} bytes are too many (at most ${maxDocumentSize})`;
    findings.add({ code: "E103", ...where, message });
    return undefined;
  }
  if (!isUtf8(bytes)) {
    findings.add({ code: "E102", ...where, message: `not UTF-8 at byte ${firstBadByte(bytes)}` });
    return undefined;
  }
  if (!hasByteOrderMark(bytes)) return bytes.toString("utf8");
  const message = "the byte order mark is removed";
  findings.add({ code: "W102", severity: "warning", file, line: 1, column: 1, message });
  return bytes.toString("utf8", 3);
}

export function hasByteOrderMark(bytes: Buffer): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}

/** The decoder marks bad bytes with U+FFFD; the first one that is not in the input is the answer. */
function firstBadByte(bytes: Buffer): number {
  const text = bytes.toString("utf8");
  let byte = 0;
  let from = 0;
  for (;;) {
    const at = text.indexOf("\ufffd", from);
    if (at < 0) return byte;
    byte += Buffer.byteLength(text.slice(from, at));
    if (bytes.toString("latin1", byte, byte + 3) !== "\xef\xbf\xbd") return byte;
    byte += 3;
    from = at + 1;
  }
}
