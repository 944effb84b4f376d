/**
 * Reads a package directory, the form in which the catalogue keeps packages.
 *
 * package.json, and where there are resource.json, config.json and marathon.json.mustache; all of
 * them are checked in one run, whatever is wrong with the others.
 */
import { readdir } from "node:fs/promises";
import path from "node:path";
import { assetPlaces, checkAssets } from "./asset-rules.ts";
import { checkTemplate } from "./check-template.ts";
import { configRule } from "./config-rules.ts";
import { checkDefinition, checkFile, commandHint } from "./definition-rules.ts";
import type { Findings } from "./finding.ts";
import { isObject, JsonCursor } from "./json-cursor.ts";
import { parseJsonDocument } from "./json-document.ts";
import type { Rule } from "./json-rules.ts";
import type { JsonObject, JsonValue } from "./package-definition.ts";
import { explainFileError, readDefinitionFile } from "./read-definition-file.ts";
import { templateFile } from "./render-marathon.ts";
import { resourceRule } from "./resource-rules.ts";
import { TemplateSource } from "./template-source.ts";

const knownFiles = ["package.json", "resource.json", "config.json", templateFile, "command.json"];

/**
 * @param shown    the directory as the user typed it; findings name files below it
 * @param absolute the same directory
 * @returns the definition with everything inline, asset paths still relative to the directory;
 *          undefined when there is none. To be used only when no finding is an error.
 */
export function readPackageDirectory(
  shown: string,
  absolute: string,
  findings: Findings,
): Promise<JsonObject | undefined> {
  return new DirectoryReader(shown, absolute, findings).read();
}

/** A file of the directory: absent, broken (reported) or read. */
interface Part<Content> {
  readonly content?: Content | undefined;
  readonly broken: boolean;
}

class DirectoryReader {
  readonly #shown: string;
  readonly #absolute: string;
  readonly #findings: Findings;
  #entries: readonly string[] = [];

  constructor(shown: string, absolute: string, findings: Findings) {
    this.#shown = shown;
    this.#absolute = absolute;
    this.#findings = findings;
  }

  async read(): Promise<JsonObject | undefined> {
    if (!(await this.#list())) return undefined;
    const fields = await this.#json("package.json");
    const resource = await this.#json("resource.json", resourceRule);
    const config = await this.#json("config.json", configRule);
    const template = await this.#template();
    if (fields.content) this.#checkFields(fields.content);
    if (resource.content) await checkAssets(resource.content, this.#absolute, "migrate");
    if (template.content) {
      const complete = !resource.broken && !config.broken;
      const around = { resource: resource.content, config: config.content, complete };
      checkTemplate(template.content, around);
    }
    this.#warnOfStrayFiles(resource.content);
    if (!isObject(fields.content?.value)) return undefined;
    const { selected: _, ...kept } = fields.content.value;
    return {
      ...kept,
      ...(template.content && { marathon: { v2AppMustacheTemplate: template.content.base64 } }),
      ...unlessEmpty("resource", resource.content),
      ...unlessEmpty("config", config.content),
    };
  }

  async #list(): Promise<boolean> {
    try {
      this.#entries = (await readdir(this.#absolute)).sort();
    } catch (error) {
      this.#error("E100", this.#shown, await this.#explainDirectory(error));
      return false;
    }
    if (this.#entries.includes("package.json")) return true;
    const message = "missing (a package needs at least package.json)";
    this.#error("E101", this.#name("package.json"), message, this.#releaseHint());
    return false;
  }

  async #explainDirectory(error: unknown): Promise<string> {
    const notADirectory = error instanceof Error && "code" in error && error.code === "ENOTDIR";
    if (notADirectory && typeof (await readDefinitionFile(this.#absolute)) !== "string") {
      return "a file; --package-directory takes the directory that contains package.json";
    }
    const reason = explainFileError(error);
    return reason === "no such file" ? "no such directory" : reason;
  }

  /** Somebody named the directory of a package in the catalogue, which holds one per release. */
  #releaseHint(): string | undefined {
    const releases = this.#entries
      .filter((entry) => /^[0-9]+$/.test(entry))
      .sort((a, b) => Number(a) - Number(b));
    const last = releases.at(-1);
    if (last === undefined) return undefined;
    const list = releases.slice(-10).join(", ");
    return `${this.#shown} contains releases ${list}; pass one of them, e.g. ${this.#name(last)}`;
  }

  async #json(entry: string, rule?: Rule): Promise<Part<JsonCursor>> {
    const bytes = await this.#bytes(entry);
    if (!bytes.content) return { broken: bytes.broken };
    const document = parseJsonDocument(bytes.content, this.#name(entry), this.#findings);
    if (!document) return { broken: true };
    const content = JsonCursor.of(document, this.#findings);
    if (rule) checkFile(content, rule);
    return { content, broken: content.object === undefined };
  }

  async #template(): Promise<Part<TemplateSource>> {
    const bytes = await this.#bytes(templateFile);
    if (!bytes.content) return { broken: bytes.broken };
    const name = this.#name(templateFile);
    const content = TemplateSource.file(bytes.content, name, this.#findings);
    return { content, broken: content === undefined };
  }

  async #bytes(entry: string): Promise<Part<Buffer>> {
    if (!this.#entries.includes(entry)) return { broken: false };
    const content = await readDefinitionFile(path.join(this.#absolute, entry));
    if (typeof content !== "string") return { content, broken: false };
    this.#error("E101", this.#name(entry), content);
    return { broken: true };
  }

  #checkFields(fields: JsonCursor): void {
    const hasCommand = this.#entries.includes("command.json");
    checkDefinition(fields, "package", hasCommand);
    const packagingVersion = fields.member("packagingVersion")?.value;
    if (hasCommand && (packagingVersion === "4.0" || packagingVersion === "5.0")) {
      const message = `not allowed with packaging version ${packagingVersion}`;
      this.#error("E112", this.#name("command.json"), message, commandHint);
    }
    if (fields.member("selected")) {
      fields.member("selected")?.warning("W200", '"selected" is ignored by the registry');
    }
  }

  #warnOfStrayFiles(resource: JsonCursor | undefined): void {
    const assets = resource ? assetPlaces(resource).map(({ value }) => firstStep(value)) : [];
    const expected = new Set([...knownFiles, ...assets]);
    for (const entry of this.#entries) {
      if (expected.has(entry) || entry.startsWith(".")) continue;
      const message = `${entry} is not part of a package; ignored`;
      const file = this.#name(entry);
      this.#findings.add({ code: "W222", severity: "warning", file, message });
    }
  }

  #error(code: string, file: string, message: string, hint?: string): void {
    this.#findings.add({ code, severity: "error", file, message, ...(hint && { hint }) });
  }

  #name(entry: string): string {
    return path.join(this.#shown, entry);
  }
}

function firstStep(asset: string): string {
  return path.normalize(asset).split(path.sep)[0] ?? "";
}

/** The catalogue's own tools leave an empty document out. */
function unlessEmpty(key: string, cursor: JsonCursor | undefined): Record<string, JsonValue> {
  if (!cursor || Object.keys(cursor.object ?? {}).length === 0) return {};
  return { [key]: cursor.value };
}
