/** The Catalog package of this product as it stands in deploy/, rendered as Cosmos renders it. */
import { readFileSync } from "node:fs";
import path from "node:path";
import type { JsonObject, JsonValue } from "../../src/packages/package-definition.ts";
import { renderMarathon } from "../../src/packages/render-marathon.ts";
import { projectRoot } from "../fixtures/server-process.ts";

export const deployDirectory = path.join(projectRoot, "deploy");

export function readDeployed(name: string): JsonObject {
  return JSON.parse(readFileSync(path.join(deployDirectory, name), "utf8")) as JsonObject;
}

const config = readDeployed("config.json");
const template = readFileSync(path.join(deployDirectory, "marathon.json.mustache"));

/** How `/repo` of a registry that serves this package names its image. */
export const servedImage = "registry.example:443/package-registry/dcos/package-registry:1-0123";

/** What a user writes into the options file of `dcos package install`. */
export type InstallOptions = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** @throws {PackageInvalid} when the result is no JSON object */
export function renderApp(options: InstallOptions): unknown {
  const definition = {
    packagingVersion: "4.0",
    name: "package-registry",
    version: "1",
    maintainer: "",
    description: "",
    tags: [],
    config,
    resource: { assets: { container: { docker: { "package-registry": servedImage } } } },
    marathon: { v2AppMustacheTemplate: template.toString("base64") },
  } as const;
  return JSON.parse(renderMarathon(definition, options as JsonObject) ?? "null");
}

/** The schema of one option, by its dotted name; undefined when the package has no such option. */
export function optionSchema(name: string): JsonObject | undefined {
  let at: JsonValue | undefined = config;
  for (const part of name.split(".")) {
    at = (((at as JsonObject)["properties"] ?? {}) as JsonObject)[part];
    if (at === undefined) return undefined;
  }
  return at as JsonObject;
}

/** Every option by its dotted name, groups left out. */
export function optionNames(schema: JsonObject = config, prefix = ""): string[] {
  return Object.entries((schema["properties"] ?? {}) as JsonObject).flatMap(([name, inner]) => {
    const nested = inner as JsonObject;
    return nested["properties"] ? optionNames(nested, `${prefix}${name}.`) : [`${prefix}${name}`];
  });
}
