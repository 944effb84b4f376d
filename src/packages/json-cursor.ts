/**
 * A value in a document together with the place it stands at, as rules see it.
 *
 * Findings reported through a cursor carry file, line, column and pointer without the rule knowing
 * them. Members are own members only: a document's `__proto__` or `constructor` is just a key.
 */
import type { FindingPlace, Findings, Severity } from "./finding.ts";
import type { JsonDocument } from "./json-document.ts";
import { pointerStep } from "./json-pointer.ts";
import type { Position } from "./line-index.ts";
import type { JsonObject, JsonValue } from "./package-definition.ts";
import { nameValue } from "./quote.ts";

export class JsonCursor {
  readonly value: JsonValue;
  readonly pointer: string;
  /** How messages call the value: `tags[2]`, `licenses[0].url`; empty for the document. */
  readonly label: string;
  readonly #document: JsonDocument;
  readonly #findings: Findings;

  private constructor(
    document: JsonDocument,
    findings: Findings,
    place: { value: JsonValue; pointer: string; label: string },
  ) {
    this.#document = document;
    this.#findings = findings;
    this.value = place.value;
    this.pointer = place.pointer;
    this.label = place.label;
  }

  static of(document: JsonDocument, findings: Findings): JsonCursor {
    const place = { value: document.value, pointer: "", label: "" };
    return new JsonCursor(document, findings, place);
  }

  get file(): string {
    return this.#document.file;
  }

  get position(): Position {
    return this.#document.position(this.pointer);
  }

  /** Whether another error would be dropped. */
  get isFull(): boolean {
    return this.#findings.isFull;
  }

  /** Where a value inside this one stands, or what is nearest to it. @param inside JSON pointer */
  placeOf(inside: string): FindingPlace {
    const pointer = this.pointer + inside;
    return { file: this.file, ...this.#document.position(pointer), pointer };
  }

  get object(): JsonObject | undefined {
    const { value } = this;
    return isObject(value) ? value : undefined;
  }

  /** The member of that name; undefined when there is none or this is no object. */
  member(key: string): JsonCursor | undefined {
    const value = ownValue(this.value, key);
    if (value === undefined) return undefined;
    const plain = /^[A-Za-z_$][\w$-]*$/.test(key);
    const step = plain ? `${this.label && "."}${key}` : `[${JSON.stringify(key)}]`;
    const place = { value, pointer: this.pointer + pointerStep(key), label: this.label + step };
    return new JsonCursor(this.#document, this.#findings, place);
  }

  /** Members of an object, in the document's order; none for other values. */
  members(): [string, JsonCursor][] {
    return Object.keys(this.object ?? {}).flatMap((key) => {
      const found = this.member(key);
      return found ? [[key, found]] : [];
    });
  }

  /** Elements of an array; none for other values. */
  items(): JsonCursor[] {
    const { value } = this;
    if (!isArray(value)) return [];
    return value.map((item, index) => {
      const pointer = this.pointer + pointerStep(index);
      const place = { value: item, pointer, label: `${this.label}[${index}]` };
      return new JsonCursor(this.#document, this.#findings, place);
    });
  }

  error(code: string, message: string, hint?: string): void {
    this.#add("error", code, message, hint);
  }

  warning(code: string, message: string, hint?: string): void {
    this.#add("warning", code, message, hint);
  }

  /** `"tags" must be an array, found "big-data"`, the commonest of all findings. */
  expected(what: string): void {
    const name = this.label || "the document";
    this.error("E117", `${name} must be ${what}, found ${nameValue(this.value)}`);
  }

  /** A finding about a key that is not there: it names the pointer, but no line. */
  missing(key: string, code = "E113", hint?: string): void {
    const inside = this.pointer === "" ? {} : this.position;
    const within = this.label && ` in ${this.label}`;
    this.#findings.add({
      code,
      severity: "error",
      file: this.file,
      ...inside,
      pointer: this.pointer + pointerStep(key),
      message: `"${key}" is missing${within}`,
      ...(hint && { hint }),
    });
  }

  #add(severity: Severity, code: string, message: string, hint: string | undefined): void {
    if (severity === "error" && this.isFull) return;
    this.#findings.add({
      code,
      severity,
      file: this.file,
      ...this.position,
      pointer: this.pointer,
      message,
      ...(hint && { hint }),
    });
  }
}

/** Own members only, so that no key of a document reaches `Object.prototype`. */
export function ownValue(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !isArray(value);
}

export function isArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}
