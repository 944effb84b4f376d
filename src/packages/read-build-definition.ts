/**
 * Reads a build definition, the document that `build` makes a bundle of.
 *
 * Also takes a repository's 4.0 or 5.0 package object without its `releaseVersion` and `selected`.
 * References (`@file`) are resolved against the directory of the definition; asset paths stay as
 * they are, for whoever fetches the assets.
 */
import path from "node:path";
import { configRule } from "./config-rules.ts";
import { readDefinitionFile } from "./definition-file.ts";
import { checkDefinition, checkFile, isFileReference } from "./definition-rules.ts";
import { type Finding, Findings } from "./finding.ts";
import { isObject, JsonCursor } from "./json-cursor.ts";
import { parseJsonDocument } from "./json-document.ts";
import type { Rule } from "./json-rules.ts";
import type { JsonObject, JsonValue, PackageDefinition } from "./package-definition.ts";
import { toDefinition } from "./parse-metadata.ts";
import { resourceRule } from "./resource-rules.ts";

export interface BuildDefinition {
  readonly definition: PackageDefinition;
  /** Absolute; relative asset paths of the definition start here. */
  readonly baseDirectory: string;
  /** Warnings; errors are thrown. */
  readonly findings: readonly Finding[];
}

/**
 * @param file             as the user typed it; findings name it so
 * @param workingDirectory absolute; what a relative `file` is relative to
 * @throws {PackageInvalid} with every finding, when one is an error
 */
export async function readBuildDefinition(
  file: string,
  workingDirectory: string,
): Promise<BuildDefinition> {
  const findings = new Findings();
  const absolute = path.resolve(workingDirectory, file);
  const definition = await resolve(file, absolute, findings);
  findings.throwIfErrors();
  return {
    definition: toDefinition(definition ?? null),
    baseDirectory: path.dirname(absolute),
    findings: findings.sorted(),
  };
}

async function resolve(
  file: string,
  absolute: string,
  findings: Findings,
): Promise<JsonValue | undefined> {
  const bytes = await readDefinitionFile(absolute);
  if (typeof bytes === "string") {
    findings.add({ code: "E101", severity: "error", file, message: bytes });
    return undefined;
  }
  const document = parseJsonDocument(bytes, file, findings);
  if (!document) return undefined;
  const cursor = JsonCursor.of(document, findings);
  checkDefinition(cursor, "build-definition");
  if (!isObject(cursor.value)) return undefined;
  const references = new References(file, absolute, findings);
  return {
    ...cursor.value,
    ...(await references.document(cursor.member("resource"), "resource", resourceRule)),
    ...(await references.document(cursor.member("config"), "config", configRule)),
    ...(await references.template(cursor.member("marathon"))),
  };
}

class References {
  readonly #file: string;
  readonly #absolute: string;
  readonly #findings: Findings;

  constructor(file: string, absolute: string, findings: Findings) {
    this.#file = file;
    this.#absolute = absolute;
    this.#findings = findings;
  }

  /** The member to put in place of a reference to a JSON file; nothing when it is no reference. */
  async document(place: JsonCursor | undefined, key: string, rule: Rule): Promise<JsonObject> {
    const read = await this.#read(place);
    if (!read) return {};
    const document = parseJsonDocument(read.bytes, read.file, this.#findings);
    if (!document) return {};
    checkFile(JsonCursor.of(document, this.#findings), rule);
    return { [key]: document.value };
  }

  async template(marathon: JsonCursor | undefined): Promise<JsonObject> {
    const read = await this.#read(marathon?.member("v2AppMustacheTemplate"));
    return read ? { marathon: { v2AppMustacheTemplate: read.bytes.toString("base64") } } : {};
  }

  async #read(place: JsonCursor | undefined): Promise<{ file: string; bytes: Buffer } | undefined> {
    if (!place || !isFileReference(place.value) || place.value === "@") return undefined;
    const reference = place.value.slice(1);
    const absolute = path.resolve(path.dirname(this.#absolute), reference);
    const file = path.isAbsolute(reference)
      ? reference
      : path.join(path.dirname(this.#file), reference);
    const bytes = await readDefinitionFile(absolute);
    if (typeof bytes !== "string") return { file, bytes };
    place.error("E140", `${place.label}: ${bytes}: ${file}`);
    return undefined;
  }
}
