/**
 * Options whose default is an image of the package, pointed to this registry.
 *
 * Some templates take the image from an option and bypass `resource.json`; without this a package
 * with all its images aboard would still pull from the outside. Only whole strings that are equal
 * to an image reference as the package writes it are touched, and only where a schema may stand.
 */
import type { JsonObject, JsonValue } from "../packages/package-definition.ts";

/** Keywords of JSON schema draft 4 whose value is a schema, or an array of schemas. */
const schemaKeywords: ReadonlySet<string> = new Set([
  "additionalItems",
  "additionalProperties",
  "allOf",
  "anyOf",
  "items",
  "not",
  "oneOf",
]);

/** Keywords whose value maps names to schemas. */
const schemaMaps: ReadonlySet<string> = new Set([
  "definitions",
  "dependencies",
  "patternProperties",
  "properties",
]);

/**
 * @param served reference as written in the package → reference in this registry
 * @returns `schema` itself when nothing in it changes
 */
export function rewriteDefaults(
  schema: JsonObject,
  served: ReadonlyMap<string, string>,
): JsonObject {
  if (served.size === 0) return schema;
  const entries = Object.entries(schema).map(([keyword, value]): [string, JsonValue] => [
    keyword,
    rewriteKeyword(keyword, value, served),
  ]);
  const inside: JsonObject = Object.fromEntries(entries);
  const { default: preset, enum: choices } = schema;
  const image = typeof preset === "string" ? served.get(preset) : undefined;
  if (image === undefined || !accepts(schema, image)) return inside;
  return {
    ...inside,
    default: image,
    ...(Array.isArray(choices) && { enum: choices.map((one) => servedOr(one, served)) }),
  };
}

function rewriteKeyword(
  keyword: string,
  value: JsonValue,
  served: ReadonlyMap<string, string>,
): JsonValue {
  if (Array.isArray(value)) {
    return schemaKeywords.has(keyword) ? value.map((one) => rewriteSchema(one, served)) : value;
  }
  if (schemaKeywords.has(keyword)) return rewriteSchema(value, served);
  if (!schemaMaps.has(keyword) || !isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name, rewriteSchema(one, served)]),
  );
}

function rewriteSchema(value: JsonValue, served: ReadonlyMap<string, string>): JsonValue {
  return isObject(value) ? rewriteDefaults(value, served) : value;
}

/** A default that its own schema refuses could not be installed at all. */
function accepts({ pattern, maxLength }: JsonObject, text: string): boolean {
  if (typeof maxLength === "number" && text.length > maxLength) return false;
  if (typeof pattern !== "string") return true;
  try {
    return new RegExp(pattern).test(text);
  } catch {
    return false;
  }
}

function servedOr(value: JsonValue, served: ReadonlyMap<string, string>): JsonValue {
  return typeof value === "string" ? (served.get(value) ?? value) : value;
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
