/**
 * Renders the Marathon app of a package exactly as Cosmos does at install.
 *
 * The context is the config's defaults, the user's options over them, then `resource`; options are
 * not checked against the config here.
 */
import { defaultOptions, mergeOptions } from "./config-defaults.ts";
import { Findings } from "./finding.ts";
import type { JsonObject, JsonValue, PackageDefinition } from "./package-definition.ts";
import { parseSource, renderSource } from "./rendered-app.ts";
import { TemplateSource } from "./template-source.ts";

/** How findings call a template that has no file of its own. */
export const templateFile = "marathon.json.mustache";

/**
 * @param options what the user chose, as nested as the config's properties are
 * @returns the app as JSON text; undefined when the package has no template
 * @throws {PackageInvalid} with one finding (E130, E131) whose place is in the template
 */
export function renderMarathon(
  definition: PackageDefinition,
  options: JsonObject = {},
): string | undefined {
  const { marathon, config, resource } = definition;
  if (!marathon) return undefined;
  const findings = new Findings();
  const bytes = Buffer.from(marathon.v2AppMustacheTemplate, "base64");
  const source = TemplateSource.file(bytes, templateFile, findings);
  const nodes = source && parseSource(source);
  const context = renderingContext(config, resource as JsonValue | undefined, options);
  const rendered = nodes && renderSource(source, nodes, context);
  findings.throwIfErrors();
  return rendered?.text;
}

/** What the tags of a template are looked up in. */
export function renderingContext(
  config: JsonValue | undefined,
  resource: JsonValue | undefined,
  options: JsonObject = {},
): JsonObject {
  const chosen = mergeOptions(defaultOptions(config), options);
  return resource === undefined ? chosen : mergeOptions(chosen, { resource });
}
