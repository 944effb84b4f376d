/**
 * JSON values as the templates of Cosmos see them: as Java objects behind mustache.java.
 *
 * What differs from JavaScript's mustache decides whether an app renders to valid JSON: strings are
 * inserted with JSON escapes, lists print as `[a, b]`, zero and empty objects count as true, and
 * public methods such as `isEmpty` can be named like members.
 */
import { isArray, isObject } from "./json-cursor.ts";
import type { JsonValue } from "./package-definition.ts";

export type JavaValue =
  | null
  | boolean
  | number
  | string
  | readonly JavaValue[]
  | ReadonlyMap<string, JavaValue>;

/** Strings get JSON escapes; those directly inside an array keep their quotes as well. */
export function toJava(value: JsonValue): JavaValue {
  if (typeof value === "string") return JSON.stringify(value).slice(1, -1);
  if (isArray(value)) {
    return value.map((item) => (typeof item === "string" ? JSON.stringify(item) : toJava(item)));
  }
  if (isObject(value)) {
    return new Map(Object.entries(value).map(([key, member]) => [key, toJava(member)]));
  }
  return value;
}

/** As `toString` of the Java object would; nothing for null and what is missing. */
export function printJava(value: JavaValue | undefined): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return printNumber(value);
  if (isList(value)) return `[${value.map(printInside).join(", ")}]`;
  if (isMap(value)) {
    return `{${Array.from(value, ([key, member]) => `${key}=${printInside(member)}`).join(", ")}}`;
  }
  return String(value);
}

/** False for null, false, the empty string and the empty list, and for nothing else. */
export function isTruthy(value: JavaValue | undefined): boolean {
  if (value === undefined || value === null || value === false || value === "") return false;
  return !isList(value) || value.length > 0;
}

/** A member of an object or the result of a public method; undefined when there is neither. */
export function javaMember(value: JavaValue, name: string): JavaValue | undefined {
  if (isMap(value)) return value.get(name);
  if (typeof value === "string") return stringMethods.get(name)?.(value);
  return isList(value) ? listMethods.get(name)?.(value) : undefined;
}

export function isList(value: JavaValue | undefined): value is readonly JavaValue[] {
  return Array.isArray(value);
}

const stringMethods = new Map<string, (text: string) => JavaValue>([
  ["isEmpty", (text) => text === ""],
  ["length", (text) => text.length],
  ["trim", (text) => text.trim()],
  ["toLowerCase", (text) => text.toLowerCase()],
  ["toUpperCase", (text) => text.toUpperCase()],
  ["toString", (text) => text],
]);

const listMethods = new Map<string, (list: readonly JavaValue[]) => JavaValue>([
  ["isEmpty", (list) => list.length === 0],
  ["size", (list) => list.length],
]);

function isMap(value: JavaValue | undefined): value is ReadonlyMap<string, JavaValue> {
  return value instanceof Map;
}

function printInside(value: JavaValue): string {
  return value === null ? "null" : printJava(value);
}

/** Integers as such; other numbers as Java prints a double, which is JSON too. */
function printNumber(value: number): string {
  if (Number.isInteger(value)) return value === 0 ? "0" : BigInt(value).toString();
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e7) return String(value);
  const [digits = "", exponent = ""] = value.toExponential().split("e");
  return `${digits.includes(".") ? digits : `${digits}.0`}E${Number(exponent)}`;
}
