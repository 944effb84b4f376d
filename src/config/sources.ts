/**
 * What the sources of options have in common: the file, the environment, the command line.
 *
 * Each is read into the shape of the configuration file and validated on its own, so that every
 * problem names the source it is in, also one that another source would have hidden.
 */
import path from "node:path";
import { isSwitch, type Option, options } from "./options.ts";
import { type Problem, problemsOf } from "./schema.ts";
import { isDirectory } from "./storage-place.ts";

export type Value = string | number | boolean;

export interface Source {
  /** By pointer; only what this source sets and what is valid. */
  readonly values: ReadonlyMap<string, Value>;
  readonly problems: readonly Problem[];
}

/** Relative names of files and directories count from `base`. */
export function check(
  document: Record<string, unknown>,
  base: string,
  label: (pointer: string) => string,
): Source {
  const problems = problemsOf(document).map(({ pointer, message }) => ({
    pointer,
    message: `${label(pointer)}: ${message}`,
  }));
  const wrong = new Set(problems.map(({ pointer }) => pointer));
  const values = new Map<string, Value>();
  for (const option of options) {
    const value = valueAt(document, option.pointer);
    if (value === undefined || wrong.has(option.pointer)) continue;
    values.set(option.pointer, isPath(option, value) ? path.resolve(base, String(value)) : value);
  }
  return { values, problems };
}

function isPath({ schema }: Option, value: Value): boolean {
  if (schema["format"] === "storage") return isDirectory(String(value));
  return schema["format"] === "file";
}

function valueAt(document: Record<string, unknown>, pointer: string): Value | undefined {
  let at: unknown = document;
  for (const name of pointer.slice(1).split("/")) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return typeof at === "string" || typeof at === "number" || typeof at === "boolean"
    ? at
    : undefined;
}

/** A problem that has no place among the options. */
export function problem(message: string): Problem {
  return { pointer: "", message };
}

/** What does not read as the option's type stays text, for validation to refuse. */
export function fromText(option: Option, text: string): Value {
  if (option.schema["type"] === "integer" && /^-?[0-9]{1,16}$/.test(text)) return Number(text);
  if (isSwitch(option)) return switches.get(text.toLowerCase()) ?? text;
  return text;
}

const switches = new Map([
  ["true", true],
  ["1", true],
  ["false", false],
  ["0", false],
]);

export function setAt(document: Record<string, unknown>, pointer: string, value: Value): void {
  const names = pointer.slice(1).split("/");
  const last = names.pop() ?? "";
  let at = document;
  for (const name of names) {
    at[name] ??= {};
    at = at[name] as Record<string, unknown>;
  }
  at[last] = value;
}
