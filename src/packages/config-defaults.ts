/**
 * The options a package has without anybody choosing any: the defaults of its config.
 *
 * Cosmos walks `properties` only; a default of an object wins over those of its members.
 */
import { isArray, isObject, ownValue } from "./json-cursor.ts";
import type { JsonObject, JsonValue } from "./package-definition.ts";

/** The defaults as nested as the properties are; objects without any are left out. */
export function defaultOptions(config: JsonValue | undefined): JsonObject {
  const properties = ownValue(config, "properties");
  if (!isObject(properties)) return {};
  const found = Object.entries(properties).flatMap(([name, property]) => {
    const chosen = ownValue(property, "default");
    if (chosen !== undefined) return [[name, chosen] as const];
    const nested = defaultOptions(property);
    return Object.keys(nested).length > 0 ? [[name, nested] as const] : [];
  });
  return Object.fromEntries(found);
}

/** Objects merge member by member; anything else in `second` replaces what `first` has. */
export function mergeOptions(first: JsonObject, second: JsonObject): JsonObject {
  const merged = new Map(Object.entries(first));
  for (const [key, value] of Object.entries(second)) {
    const known = merged.get(key);
    merged.set(key, isObject(known) && isObject(value) ? mergeOptions(known, value) : value);
  }
  return Object.fromEntries(merged);
}

export interface RequiredOptions {
  /** Dotted names of required options that have no default, in the order of the config. */
  readonly names: readonly string[];
  /** A value of the right type for each of them. */
  readonly placeholders: JsonObject;
}

/** What an installer has to be told before such a package can be rendered. */
export function requiredWithoutDefault(
  config: JsonValue | undefined,
  prefix = "",
): RequiredOptions {
  const properties = ownValue(config, "properties");
  if (!isObject(properties)) return { names: [], placeholders: {} };
  const required = ownValue(config, "required");
  const isRequired = (name: string) => isArray(required) && required.includes(name);
  const names: string[] = [];
  const placeholders: [string, JsonValue][] = [];
  for (const [name, property] of Object.entries(properties)) {
    if (ownValue(property, "default") !== undefined) continue;
    if (isObject(ownValue(property, "properties"))) {
      const inner = requiredWithoutDefault(property, `${prefix}${name}.`);
      names.push(...inner.names);
      if (inner.names.length > 0) placeholders.push([name, inner.placeholders]);
    } else if (isRequired(name)) {
      names.push(prefix + name);
      placeholders.push([name, placeholder(property)]);
    }
  }
  return { names, placeholders: Object.fromEntries(placeholders) };
}

function placeholder(property: JsonValue): JsonValue {
  const choices = ownValue(property, "enum");
  if (isArray(choices) && choices[0] !== undefined) return choices[0];
  const minimum = ownValue(property, "minimum");
  switch (ownValue(property, "type")) {
    case "integer":
    case "number":
      return typeof minimum === "number" ? minimum : 1;
    case "boolean":
      return true;
    case "array":
      return [];
    case "object":
      return {};
    default:
      return "placeholder";
  }
}
