/**
 * Checks a package's template: it parses, renders to a JSON object, and needs nothing from outside.
 *
 * Rendering is with the defaults of the config; required options without a default get a value of
 * the right type, since no installer can leave them out.
 */
import { bundledImages } from "./asset-rules.ts";
import { mergeOptions, requiredWithoutDefault } from "./config-defaults.ts";
import type { JsonCursor } from "./json-cursor.ts";
import { renderingContext } from "./render-marathon.ts";
import { parseSource, renderSource } from "./rendered-app.ts";
import { warnOfMissingAssets, warnOfOutsideReferences } from "./self-containment.ts";
import type { TemplateSource } from "./template-source.ts";

export interface TemplateSurroundings {
  readonly config?: JsonCursor | undefined;
  readonly resource?: JsonCursor | undefined;
  /** False when one of these exists but could not be read: then only the syntax can be judged. */
  readonly complete: boolean;
}

export function checkTemplate(source: TemplateSource, surroundings: TemplateSurroundings): void {
  const { config, resource, complete } = surroundings;
  const nodes = parseSource(source);
  if (!nodes || !complete) return;
  warnOfMissingAssets(source, nodes, resource?.value);
  const { names, placeholders } = requiredWithoutDefault(config?.value);
  if (names.length > 0) {
    const list = names.slice(0, 10).join(", ") + (names.length > 10 ? ", …" : "");
    config?.warning("W131", `not checked with defaults: required options without default: ${list}`);
  }
  const context = mergeOptions(placeholders, renderingContext(config?.value, resource?.value));
  const rendered = renderSource(source, nodes, context);
  if (rendered) warnOfOutsideReferences(source, rendered, bundledImages(resource));
}
