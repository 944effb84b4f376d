/**
 * What Cosmos makes of a package and a user's options: the app that it hands to Marathon.
 *
 * The resource stands in the template's context as the repository has it, not as users are shown it:
 * agents fetch what is written here, for as long as the service runs.
 */
import { gzipSync } from "node:zlib";
import AjvDraft04 from "ajv-draft-04";
import { isObject, type Json } from "../../src/cosmos/decoding-rules.ts";
import { defaultOptions, mergeOptions } from "../../src/packages/config-defaults.ts";
import type { JsonObject, PackageDefinition } from "../../src/packages/package-definition.ts";
import { renderMarathon } from "../../src/packages/render-marathon.ts";
import { CosmosFailure } from "./cosmos-failure.ts";

export interface InstallRequest {
  readonly options: Json;
  readonly appId: string | undefined;
  /** URI of the repository that the package comes from. */
  readonly source: string;
}

/** @returns undefined for a package without an app @throws {CosmosFailure} */
export function renderApp(one: Json, { options, appId, source }: InstallRequest): Json | undefined {
  checkOptions(one["config"], options);
  const definition = one as unknown as PackageDefinition;
  const text = renderMarathon(definition, options as JsonObject);
  if (text === undefined) return undefined;
  const app: Json = JSON.parse(text);
  const { labels } = app;
  return {
    ...app,
    ...(appId !== undefined && { id: appId }),
    labels: {
      ...(isObject(labels) && labels),
      DCOS_PACKAGE_NAME: one["name"],
      DCOS_PACKAGE_VERSION: one["version"],
      DCOS_PACKAGE_SOURCE: source,
      DCOS_PACKAGE_OPTIONS: envelope("application/json", options),
      DCOS_PACKAGE_DEFINITION: envelope(
        "application/vnd.dcos.universe.package+json;charset=utf-8;version=v4",
        one,
      ),
    },
  };
}

/** Defaults fill in what the user left out before the whole is looked at. */
function checkOptions(config: unknown, options: Json): void {
  if (!isObject(config)) {
    if (Object.keys(options).length === 0) return;
    throw new CosmosFailure("JsonSchemaMismatch", "Options JSON failed validation", { errors: [] });
  }
  const ajv = new AjvDraft04.default({ strict: false, validateFormats: false, allErrors: true });
  const { $schema: _, ...schema } = config;
  const validate = ajv.compile(schema);
  const schemaDefaults = defaultOptions(config as JsonObject);
  if (validate(mergeOptions(schemaDefaults, options as JsonObject))) return;
  const errors = (validate.errors ?? []).map(({ instancePath, message }) => ({
    instance: { pointer: instancePath },
    message,
  }));
  throw new CosmosFailure("JsonSchemaMismatch", "Options JSON failed validation", { errors });
}

function envelope(type: string, value: Json): string {
  const metadata = { "Content-Type": type, "Content-Encoding": "gzip" };
  const data = gzipSync(JSON.stringify(value)).toString("base64");
  return Buffer.from(JSON.stringify({ metadata, data })).toString("base64");
}
