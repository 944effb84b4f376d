/**
 * Reads a build definition, the document that `build` makes a bundle of.
 *
 * Also takes a repository's 4.0 or 5.0 package object without its `releaseVersion` and `selected`.
 * References (`@file`) are resolved against the directory of the definition; asset paths stay as
 * they are, for whoever fetches the assets.
 */
import path from "node:path";
import { checkAssets } from "./asset-rules.ts";
import { checkTemplate } from "./check-template.ts";
import { configRule } from "./config-rules.ts";
import { checkDefinition, checkFile, isBase64Text, isFileReference } from "./definition-rules.ts";
import { type Finding, type FindingPlace, Findings } from "./finding.ts";
import { isObject, JsonCursor } from "./json-cursor.ts";
import { parseJsonDocument } from "./json-document.ts";
import type { Rule } from "./json-rules.ts";
import type { JsonObject, PackageDefinition } from "./package-definition.ts";
import { toDefinition } from "./parse-metadata.ts";
import { readDefinitionFile } from "./read-definition-file.ts";
import { resourceRule } from "./resource-rules.ts";
import { TemplateSource } from "./template-source.ts";

export interface BuildDefinition {
  readonly definition: PackageDefinition;
  /** Absolute; relative asset paths of the definition start here. */
  readonly baseDirectory: string;
  /** Warnings; errors are thrown. */
  readonly findings: readonly Finding[];
  /** Where a value of `definition` stands in the user's files, by its JSON pointer. */
  place(pointer: string): FindingPlace;
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
  const reader = new Reader(file, absolute, findings);
  const definition = await reader.read();
  findings.throwIfErrors();
  return {
    definition: toDefinition(definition ?? null),
    baseDirectory: path.dirname(absolute),
    findings: findings.sorted(),
    place: (pointer) => reader.place(pointer),
  };
}

/** A referenced or inline part; `broken` when it is there but has no value. */
interface Part {
  readonly cursor?: JsonCursor | undefined;
  readonly broken: boolean;
}

class Reader {
  readonly #file: string;
  readonly #absolute: string;
  readonly #findings: Findings;
  #root: JsonCursor | undefined;
  #resource: JsonCursor | undefined;

  constructor(file: string, absolute: string, findings: Findings) {
    this.#file = file;
    this.#absolute = absolute;
    this.#findings = findings;
  }

  place(pointer: string): FindingPlace {
    const inside = pointer.startsWith("/resource/") ? pointer.slice("/resource".length) : undefined;
    const found =
      inside === undefined ? this.#root?.placeOf(pointer) : this.#resource?.placeOf(inside);
    return found ?? { file: this.#file, pointer };
  }

  async read(): Promise<JsonObject | undefined> {
    const root = await this.#document();
    if (!root) return undefined;
    checkDefinition(root, "build-definition");
    if (!isObject(root.value)) return undefined;
    this.#root = root;
    const resource = await this.#part(root.member("resource"), resourceRule);
    const config = await this.#part(root.member("config"), configRule);
    const template = await this.#template(root.member("marathon")?.member("v2AppMustacheTemplate"));
    this.#resource = resource.cursor;
    if (resource.cursor) {
      await checkAssets(resource.cursor, path.dirname(this.#absolute), "build");
    }
    if (template) {
      const complete = !resource.broken && !config.broken;
      checkTemplate(template, { resource: resource.cursor, config: config.cursor, complete });
    }
    return {
      ...root.value,
      ...(resource.cursor && { resource: resource.cursor.value }),
      ...(config.cursor && { config: config.cursor.value }),
      ...(template && { marathon: { v2AppMustacheTemplate: template.base64 } }),
    };
  }

  async #document(): Promise<JsonCursor | undefined> {
    const bytes = await readDefinitionFile(this.#absolute);
    if (typeof bytes === "string") {
      this.#findings.add({ code: "E101", severity: "error", file: this.#file, message: bytes });
      return undefined;
    }
    const document = parseJsonDocument(bytes, this.#file, this.#findings);
    return document && JsonCursor.of(document, this.#findings);
  }

  async #part(place: JsonCursor | undefined, rule: Rule): Promise<Part> {
    if (!place) return { broken: false };
    if (!isFileReference(place.value)) return { cursor: place, broken: !place.object };
    const read = await this.#readReference(place);
    const document = read && parseJsonDocument(read.bytes, read.file, this.#findings);
    if (!document) return { broken: true };
    const cursor = JsonCursor.of(document, this.#findings);
    checkFile(cursor, rule);
    return { cursor, broken: !cursor.object };
  }

  async #template(place: JsonCursor | undefined): Promise<TemplateSource | undefined> {
    if (!place || typeof place.value !== "string") return undefined;
    if (!isFileReference(place.value)) {
      return isBase64Text(place.value) ? TemplateSource.field(place, this.#findings) : undefined;
    }
    const read = await this.#readReference(place);
    return read && TemplateSource.file(read.bytes, read.file, this.#findings);
  }

  async #readReference(place: JsonCursor): Promise<{ file: string; bytes: Buffer } | undefined> {
    const reference = String(place.value).slice(1);
    if (reference === "") return undefined;
    const directory = path.dirname(this.#file);
    const file = path.isAbsolute(reference) ? reference : path.join(directory, reference);
    const bytes = await readDefinitionFile(path.resolve(path.dirname(this.#absolute), reference));
    if (typeof bytes !== "string") return { file, bytes };
    place.error("E140", `${place.label}: ${bytes}: ${file}`);
    return undefined;
  }
}
