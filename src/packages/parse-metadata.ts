/**
 * Reads `metadata.json`, the definition inside a bundle.
 *
 * The registry calls this for whatever somebody uploads, so it accepts only what every Cosmos can
 * decode: one bad entry in `/repo` would make all packages disappear.
 */
import { checkDefinition, fieldOrder } from "./definition-rules.ts";
import { Findings } from "./finding.ts";
import { isObject, JsonCursor } from "./json-cursor.ts";
import { parseJsonDocument } from "./json-document.ts";
import type { JsonObject, JsonValue, PackageDefinition } from "./package-definition.ts";

/**
 * @param bytes UTF-8 JSON, at most 4 MiB
 * @param file  how findings name the document
 * @throws {PackageInvalid} with every finding
 */
export function parseMetadata(bytes: Buffer, file = "metadata.json"): PackageDefinition {
  const findings = new Findings();
  const document = parseJsonDocument(bytes, file, findings);
  if (document) checkDefinition(JsonCursor.of(document, findings), "metadata");
  findings.throwIfErrors();
  return toDefinition(document?.value ?? null);
}

/**
 * The fields of a checked document in the order of writing; hashes in lower case.
 *
 * @param value passed `checkDefinition` without an error, with every reference resolved
 */
export function toDefinition(value: JsonValue): PackageDefinition {
  const source: JsonObject = isObject(value) ? value : {};
  const fields = fieldOrder.flatMap((key) => {
    const field = Object.hasOwn(source, key) ? source[key] : undefined;
    return field === undefined ? [] : [[key, key === "resource" ? lowerHashes(field) : field]];
  });
  return Object.fromEntries(fields) as PackageDefinition;
}

/** Cosmos and the CLI of DC/OS compare hashes as text, and theirs are lower case. */
function lowerHashes(resource: JsonValue): JsonValue {
  return mapMember(resource, "cli", (cli) =>
    mapMember(cli, "binaries", (binaries) =>
      mapMembers(binaries, (platform) =>
        mapMember(platform, "x86-64", (binary) => mapMember(binary, "contentHash", lowerValues)),
      ),
    ),
  );
}

function lowerValues(hashes: JsonValue): JsonValue {
  if (!Array.isArray(hashes)) return hashes;
  return hashes.map((hash: JsonValue) =>
    mapMember(hash, "value", (hex) => (typeof hex === "string" ? hex.toLowerCase() : hex)),
  );
}

function mapMember(
  value: JsonValue,
  key: string,
  change: (member: JsonValue) => JsonValue,
): JsonValue {
  return mapMembers(value, (member, name) => (name === key ? change(member) : member));
}

function mapMembers(
  value: JsonValue,
  change: (member: JsonValue, name: string) => JsonValue,
): JsonValue {
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, change(member, key)]),
  );
}
