/**
 * Validation of options against their table, and words for what is wrong.
 *
 * Messages never repeat a value, so that a secret put in the wrong place stays out of logs. A schema
 * library would know the few keywords of the table, too, and cost each start as much as opening the storage.
 */
import { formats } from "./formats.ts";
import { nearest } from "./nearest.ts";
import type { ValueSchema } from "./option.ts";
import { flagOf, type Option, options } from "./options.ts";

/** One thing that is wrong; `pointer` is the place in the configuration file's shape. */
export interface Problem {
  readonly pointer: string;
  readonly message: string;
}

/** What may stand below a name in the file: a value, or more names. */
type Shape = ValueSchema | Names;
type Names = Map<string, Shape>;

const shape = shapeOf(options);

/** Everything that is wrong with `document`, which has the shape of the configuration file. */
export function problemsOf(document: unknown): Problem[] {
  return problemsAt("", shape, document);
}

function shapeOf(rows: readonly Option[]): Names {
  const root: Names = new Map();
  for (const { pointer, schema } of rows) {
    const names = pointer.slice(1).split("/");
    const last = names.pop() ?? "";
    names.reduce(namesBelow, root).set(last, schema);
  }
  return root;
}

function namesBelow(names: Names, name: string): Names {
  const known = names.get(name);
  if (known instanceof Map) return known;
  const fresh: Names = new Map();
  names.set(name, fresh);
  return fresh;
}

function problemsAt(pointer: string, wanted: Shape, value: unknown): Problem[] {
  if (!(wanted instanceof Map)) {
    const message = wrongValue(wanted, value);
    return message === undefined ? [] : [{ pointer, message }];
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return [{ pointer, message: "must be an object" }];
  }
  return Object.entries(value).flatMap(([name, inner]) => {
    const below = wanted.get(name);
    if (below === undefined) return [{ pointer, message: unknownName(pointer, name) }];
    return problemsAt(`${pointer}/${name}`, below, inner);
  });
}

/** @returns what is wanted instead, undefined when nothing is wrong */
function wrongValue(wanted: ValueSchema, value: unknown): string | undefined {
  if (wanted.enum) return wanted.enum.some((one) => one === value) ? undefined : oneOf(wanted.enum);
  switch (wanted.type) {
    case "boolean":
      return typeof value === "boolean" ? undefined : "must be true or false";
    case "integer":
      return typeof value === "number" && Number.isInteger(value)
        ? outside(wanted, value)
        : "must be a whole number";
    case "string":
      return typeof value === "string" ? malformed(wanted, value) : "must be a string";
  }
}

function oneOf(values: readonly string[]): string {
  return `must be one of ${values.join(", ")}`;
}

function outside({ minimum, maximum }: ValueSchema, value: number): string | undefined {
  if (minimum !== undefined && value < minimum) return `must be at least ${minimum}`;
  if (maximum !== undefined && value > maximum) return `must be at most ${maximum}`;
  return undefined;
}

function malformed({ minLength = 0, format }: ValueSchema, text: string): string | undefined {
  if (text.length < minLength) return "must not be empty";
  const rule = format === undefined ? undefined : formats[format];
  return rule && !rule.accepts(text) ? rule.wanted : undefined;
}

function unknownName(parent: string, name: string): string {
  const wanted = `${parent}/${name}`.slice(1);
  const known = options.filter(({ inFile }) => inFile !== false);
  const meant = nearest(
    wanted.replaceAll("/", "-"),
    known.map((option) => flagOf(option)),
  );
  const pointer = known.find((option) => flagOf(option) === meant)?.pointer;
  return `unknown option "${name}"${pointer ? `; did you mean ${pointer}?` : ""}`;
}
