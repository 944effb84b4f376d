/**
 * Checks a package's config against the draft-4 meta-schema, without ever compiling it.
 *
 * Compiling refuses valid catalogue packages (string `id`s used as links, unknown formats); the
 * meta-schema is small enough to be said here in rules with readable messages, in linear time.
 */
import { isArray, isObject, type JsonCursor } from "./json-cursor.ts";
import type { Rule } from "./json-rules.ts";
import type { JsonValue } from "./package-definition.ts";
import { nameValue } from "./quote.ts";

const simpleTypes = ["array", "boolean", "integer", "null", "number", "object", "string"];

/** `config` of a package: an object that is a draft-4 schema (E120), with options to choose (W121). */
export const configRule: Rule = (cursor) => {
  if (!isObject(cursor.value)) return cursor.expected("an object");
  schema(cursor);
  if (cursor.member("type")?.value !== "object" || !cursor.member("properties")) {
    cursor.warning(
      "W121",
      'config has no "type": "object" with "properties": it offers no options',
    );
  }
};

const schema: Rule = (cursor) => {
  if (!isObject(cursor.value)) return wrong(cursor, "a schema (an object)");
  for (const [key, member] of cursor.members()) {
    const rule = Object.hasOwn(keywords, key) ? keywords[key] : undefined;
    rule?.(member);
  }
  needs(cursor, "exclusiveMaximum", "maximum");
  needs(cursor, "exclusiveMinimum", "minimum");
};

const string = value((found) => typeof found === "string", "a string");
const boolean = value((found) => typeof found === "boolean", "true or false");
const number = value((found) => typeof found === "number", "a number");
const count = value(
  (found) => Number.isInteger(found) && Number(found) >= 0,
  "an integer of at least 0",
);
const positive = value((found) => typeof found === "number" && found > 0, "a number above 0");
const propertyNames = value(
  (found) => isList(found) && found.every((name) => typeof name === "string"),
  "an array of property names",
);
const oneType = (found: JsonValue) => typeof found === "string" && simpleTypes.includes(found);
const types = value(
  (found) => oneType(found) || (isList(found) && found.every(oneType)),
  `one or several of ${simpleTypes.join(", ")}`,
);
const values = value(isList, "an array of different values");

const booleanOrSchema: Rule = (cursor) => {
  if (typeof cursor.value === "boolean") return;
  if (isObject(cursor.value)) schema(cursor);
  else wrong(cursor, "true, false or a schema");
};

const schemas: Rule = (cursor) => {
  const items = cursor.items();
  if (items.length === 0) wrong(cursor, "an array of at least one schema");
  for (const item of items) schema(item);
};

const schemaOrSchemas: Rule = (cursor) => {
  if (isArray(cursor.value)) schemas(cursor);
  else schema(cursor);
};

const schemaByName: Rule = (cursor) => {
  if (!isObject(cursor.value)) return wrong(cursor, "an object of schemas");
  for (const [, member] of cursor.members()) schema(member);
};

const dependencies: Rule = (cursor) => {
  if (!isObject(cursor.value))
    return wrong(cursor, "an object of schemas or arrays of property names");
  for (const [, member] of cursor.members()) {
    if (isArray(member.value)) propertyNames(member);
    else schema(member);
  }
};

/** Every keyword of draft 4; any other key is somebody's own and allowed. */
const keywords: Readonly<Record<string, Rule>> = {
  id: string,
  $schema: string,
  title: string,
  description: string,
  multipleOf: positive,
  maximum: number,
  exclusiveMaximum: boolean,
  minimum: number,
  exclusiveMinimum: boolean,
  maxLength: count,
  minLength: count,
  pattern: string,
  additionalItems: booleanOrSchema,
  items: schemaOrSchemas,
  maxItems: count,
  minItems: count,
  uniqueItems: boolean,
  maxProperties: count,
  minProperties: count,
  required: propertyNames,
  additionalProperties: booleanOrSchema,
  definitions: schemaByName,
  properties: schemaByName,
  patternProperties: schemaByName,
  dependencies,
  enum: values,
  type: types,
  allOf: schemas,
  anyOf: schemas,
  oneOf: schemas,
  not: schema,
};

function value(test: (found: JsonValue) => boolean, what: string): Rule {
  return (cursor) => {
    if (!test(cursor.value)) wrong(cursor, what);
  };
}

/** At least one element and no two equal ones, as draft 4 wants of all its lists. */
function isList(found: JsonValue): found is readonly JsonValue[] {
  return isArray(found) && found.length > 0 && new Set(found.map(canonical)).size === found.length;
}

function canonical(found: JsonValue): string {
  return JSON.stringify(found, (_key, inner: JsonValue) =>
    isObject(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

function needs(cursor: JsonCursor, key: string, other: string): void {
  const found = cursor.member(key);
  if (found && !cursor.member(other)) {
    found.error("E120", `not a valid JSON schema (draft 4): "${key}" needs "${other}" beside it`);
  }
}

function wrong(cursor: JsonCursor, what: string): void {
  const name = JSON.stringify(lastStep(cursor));
  const found = describe(cursor.value, what);
  cursor.error(
    "E120",
    `not a valid JSON schema (draft 4): ${name} must be ${what}, found ${found}`,
  );
}

function describe(found: JsonValue, what: string): string {
  if (!isArray(found)) return nameValue(found);
  if (found.length === 0) return "an empty array";
  return what.includes("array") && !isList(found) ? "equal values in it" : nameValue(found);
}

function lastStep(cursor: JsonCursor): string {
  const step = cursor.pointer.slice(cursor.pointer.lastIndexOf("/") + 1);
  return step.replaceAll("~1", "/").replaceAll("~0", "~");
}
