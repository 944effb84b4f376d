/**
 * A 4.0 entry for a Cosmos that reads packaging version 3.0 at most (DC/OS 1.8 and 1.9).
 *
 * Done as the public catalogue does it for those versions, so that a package behaves the same from
 * both: 4.0 differs by two fields, and that Cosmos pasted option values into JSON without escaping
 * the quotes in them. Source: gen_universe.py of the catalogue.
 */
import type { JsonObject, JsonValue } from "../packages/package-definition.ts";
import type { RepositoryEntry } from "./repository-entry.ts";

export function downgradeEntry(entry: RepositoryEntry): RepositoryEntry {
  const { upgradesFrom: _, downgradesTo: __, config, ...rest } = entry;
  return {
    ...rest,
    packagingVersion: "3.0",
    ...(config && { config: escapeProperties(config) }),
  };
}

/** Only what `properties` reaches from the top, through options of type object. */
function escapeProperties(schema: JsonObject): JsonObject {
  const { properties } = schema;
  if (!isObject(properties)) return schema;
  const escaped = Object.entries(properties).map(([name, option]): [string, JsonValue] => [
    name,
    isObject(option) ? escapeOption(option) : option,
  ]);
  return { ...schema, properties: Object.fromEntries(escaped) };
}

function escapeOption(option: JsonObject): JsonObject {
  const { type, description, default: preset } = option;
  const inside = type === "object" ? escapeProperties(option) : option;
  return {
    ...inside,
    ...(typeof description === "string" && { description: escapeQuotes(description) }),
    ...(type === "string" && typeof preset === "string" && { default: escapeQuotes(preset) }),
  };
}

/** A quote behind a backslash is escaped already; one at the very start stays, as it does there. */
function escapeQuotes(text: string): string {
  return text.replace(/([^\\])"/g, '$1\\"');
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
