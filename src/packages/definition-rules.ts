/**
 * Rules for the fields of a package, for each kind of document that holds them.
 *
 * They are the catalogue's schemas plus what Cosmos decodes more strictly than these say (64-bit
 * integers, URLs, base64), so that no accepted package can break a `/repo` for all others.
 */
import { isUtf8 } from "node:buffer";
import { configRule } from "./config-rules.ts";
import { isObject, type JsonCursor } from "./json-cursor.ts";
import { arrayOf, flag, objectOf, type Rule, text, textWhere } from "./json-rules.ts";
import type { JsonValue } from "./package-definition.ts";
import { nameValue, quote } from "./quote.ts";
import { resourceRule } from "./resource-rules.ts";

/**
 * - `package`: package.json of a package directory; `selected` is allowed there
 * - `build-definition`: everything inline or as `@file`
 * - `metadata`: everything inline
 */
export type DocumentKind = "package" | "build-definition" | "metadata";

/** In the order in which documents are written. */
export const fieldOrder = [
  "packagingVersion",
  "name",
  "version",
  "maintainer",
  "description",
  "tags",
  "scm",
  "website",
  "framework",
  "preInstallNotes",
  "postInstallNotes",
  "postUninstallNotes",
  "licenses",
  "minDcosReleaseVersion",
  "lastUpdated",
  "hasKnownIssues",
  "upgradesFrom",
  "downgradesTo",
  "manager",
  "marathon",
  "resource",
  "config",
] as const;

const required = ["packagingVersion", "name", "version", "maintainer", "description", "tags"];

const withoutCommand =
  'this package uses nothing that 4.0 removed: set "packagingVersion" to "4.0" (it will then need DC/OS 1.10 or later)';
export const commandHint =
  "command.json (pip) is not supported from 4.0 on: move the CLI to resource.json /cli/binaries and delete command.json";

const name: Rule = textWhere("E115", (value) => {
  if (/^[a-z][a-z0-9-]*[a-z0-9]$/.test(value) && value.length <= 128) return undefined;
  return `name ${quote(value)} is not allowed: use lower-case letters, digits and '-', start with a letter, end with a letter or digit, at least 2 characters (at most 128)`;
});

const version: Rule = textWhere("E116", (value) => {
  if (/^[-a-zA-Z0-9.]+$/.test(value) && value.length <= 100) return undefined;
  return `version ${quote(value)} is not allowed: only letters, digits, '.' and '-' (at most 100)`;
});

const tag: Rule = (cursor) => {
  const { value, label } = cursor;
  if (typeof value !== "string") cursor.expected("a string");
  else if (value === "") cursor.error("E117", `${label} must not be empty`);
  else if (/\s/.test(value)) {
    cursor.error("E117", `${label} ${quote(value)} must not contain white space`);
  }
};

/** Cosmos parses it as a URI (RFC 3986), the catalogue's repository schema wants http or https. */
const licenseUrl: Rule = (cursor) => {
  const { value } = cursor;
  if (typeof value !== "string") return cursor.expected("a string");
  const plain = /^https?:\/\/[\w.~:/?@!$&'()*+,;=%-]+(?:#[\w.~:/?@!$&'()*+,;=%-]*)?$/i.test(value);
  if (!plain || !URL.canParse(value) || /%(?![0-9a-fA-F]{2})/.test(value)) {
    cursor.error("E117", `${cursor.label} ${quote(value)} is not an http or https URL`);
  }
};

const minDcosReleaseVersion: Rule = (cursor) => {
  const { value } = cursor;
  if (typeof value !== "string") return cursor.expected("a string");
  const numbers = value.split(".");
  if (!numbers.every((part) => /^(?:0|[1-9][0-9]*)$/.test(part))) {
    const rule = "numbers without leading zeros, separated by dots, such as 1.10";
    cursor.error("E117", `minDcosReleaseVersion ${quote(value)} is not allowed: ${rule}`);
  } else if (numbers.some((part) => Number(part) > 0x7fffffff)) {
    cursor.error("E117", `minDcosReleaseVersion ${quote(value)} has a number beyond 32 bits`);
  } else if (Number(numbers[0]) >= 99) {
    const message = `minDcosReleaseVersion ${quote(value)} hides this package from every cluster`;
    cursor.warning("W223", message);
  }
};

const lastUpdated: Rule = (cursor) => {
  if (!Number.isSafeInteger(cursor.value)) cursor.expected("an integer (seconds since 1970)");
};

const versionPattern: Rule = (cursor) => {
  const { value, label } = cursor;
  if (typeof value !== "string") cursor.expected("a string");
  else if (value.includes("{{")) {
    cursor.warning("W221", `${label} is the unrendered placeholder ${quote(value)}`);
  }
};

const manager: Rule = objectOf({
  fields: { packageName: name, minPackageVersion: version },
  required: ["packageName"],
  open: true,
});

const base64 = textWhere("E117", (value) => {
  if (!isBase64(value)) return "v2AppMustacheTemplate must be base64 (padded, without line breaks)";
  return isBase64Text(value) ? undefined : "v2AppMustacheTemplate does not decode to UTF-8 text";
});

function isBase64(value: string): boolean {
  return value !== "" && value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value);
}

/** Strict base64 (RFC 4648, padded, one line) of UTF-8 text. */
export function isBase64Text(value: string): boolean {
  return isBase64(value) && isUtf8(Buffer.from(value, "base64"));
}

/** `@file`, which build definitions may have instead of the value. */
export function isFileReference(value: JsonValue | undefined): value is string {
  return typeof value === "string" && value.startsWith("@");
}

function orReference(rule: Rule): Rule {
  return (cursor) => {
    if (!isFileReference(cursor.value)) rule(cursor);
    else if (cursor.value === "@") cursor.error("E117", `${cursor.label} names no file after '@'`);
  };
}

const commonFields: Readonly<Record<string, Rule>> = {
  packagingVersion: () => undefined,
  name,
  version,
  maintainer: text,
  description: text,
  tags: arrayOf(tag),
  scm: text,
  website: text,
  framework: flag,
  preInstallNotes: text,
  postInstallNotes: text,
  postUninstallNotes: text,
  licenses: arrayOf(
    objectOf({ fields: { name: text, url: licenseUrl }, required: ["name", "url"] }),
  ),
  minDcosReleaseVersion,
  lastUpdated,
  hasKnownIssues: flag,
  upgradesFrom: arrayOf(versionPattern),
  downgradesTo: arrayOf(versionPattern),
};

function fieldsOf(kind: DocumentKind, packagingVersion: string): Record<string, Rule> {
  const fields = { ...commonFields, ...(packagingVersion === "5.0" && { manager }) };
  if (kind === "package") return { ...fields, selected: flag };
  const inline = kind === "metadata" ? (rule: Rule) => rule : orReference;
  const marathon = objectOf({
    fields: { v2AppMustacheTemplate: inline(base64) },
    required: ["v2AppMustacheTemplate"],
  });
  return { ...fields, marathon, resource: inline(resourceRule), config: inline(configRule) };
}

/** Checks the object that a whole file must be: resource.json, config.json. */
export function checkFile(cursor: JsonCursor, rule: Rule): void {
  if (isWholeObject(cursor)) rule(cursor);
}

function isWholeObject(cursor: JsonCursor): boolean {
  if (isObject(cursor.value)) return true;
  cursor.error("E105", `expected a JSON object, found ${nameValue(cursor.value)}`);
  return false;
}

/**
 * Checks a document by the branch of its packaging version; an older or unknown one is the only
 * finding then, since the rest cannot be judged.
 *
 * @param hasCommand whether a command.json lies beside package.json
 */
export function checkDefinition(cursor: JsonCursor, kind: DocumentKind, hasCommand = false): void {
  if (!isWholeObject(cursor)) return;
  const packagingVersion = cursor.member("packagingVersion");
  const value = packagingVersion?.value;
  if (!packagingVersion) cursor.missing("packagingVersion");
  else if (value === "4.0" || value === "5.0") {
    const explain = (key: string) => explainField(key, kind);
    objectOf({ fields: fieldsOf(kind, value), required, explain })(cursor);
  } else refuseVersion(packagingVersion, hasCommand || cursor.member("command") !== undefined);
}

function refuseVersion(cursor: JsonCursor, hasCommand: boolean): void {
  const { value } = cursor;
  if (value === "3.0" || value === "2.0") {
    const message = `packaging version ${value} is not supported; the registry needs 4.0 or 5.0`;
    cursor.error("E110", message, hasCommand ? commandHint : withoutCommand);
  } else if (typeof value === "number") {
    const meant = value === 5 ? "5.0" : "4.0";
    cursor.error("E111", `packagingVersion must be the string "${meant}", not the number ${value}`);
  } else if (typeof value === "string") {
    cursor.error("E111", `packaging version ${quote(value)} is unknown; known: 4.0, 5.0`);
  } else cursor.expected('"4.0" or "5.0"');
}

function explainField(key: string, kind: DocumentKind): string | undefined {
  if (key === "manager") return '"manager" needs packaging version 5.0';
  if (key === "command") return commandHint;
  if (key === "selected" || key === "releaseVersion") {
    return `${quote(key)} belongs to entries of a repository: delete it`;
  }
  if (kind !== "package") return undefined;
  if (key === "config" || key === "resource") return `it stands in ${key}.json`;
  if (key === "marathon") return "the app stands in marathon.json.mustache";
  return key === "images" || key === "assets" ? `it stands in resource.json` : undefined;
}
