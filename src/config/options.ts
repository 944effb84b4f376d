/**
 * The one table of the server's options.
 *
 * Flag, environment variable, place in the configuration file, validation, help text and the table
 * in CONTRIBUTING.md all follow from a row here, so none of them can disagree with another.
 */
import { clusterOptions } from "./cluster-options.ts";
import { identityOptions } from "./identity-options.ts";
import { limitOptions } from "./limit-options.ts";
import type { Option } from "./option.ts";
import { serviceOptions } from "./service-options.ts";
import { storageOptions } from "./storage-options.ts";
import { upkeepOptions } from "./upkeep-options.ts";

export type { Option } from "./option.ts";

/** In the order in which help prints them. */
export const options: readonly Option[] = [
  {
    pointer: "/config",
    schema: { type: "string", minLength: 1, format: "file" },
    value: "FILE",
    summary: "JSON file with the options below; variables and flags win over it",
    inFile: false,
    catalog: "",
  },
  {
    pointer: "/listen",
    schema: { type: "string", format: "address", default: "127.0.0.1:8443" },
    value: "HOST:PORT",
    summary: "where to serve HTTPS; 0.0.0.0:443 for every address of the machine",
    catalog: "",
  },
  ...storageOptions,
  ...serviceOptions,
  ...identityOptions,
  ...clusterOptions,
  {
    pointer: "/read-only",
    schema: { type: "boolean", default: false },
    summary: "refuse every write",
  },
  {
    pointer: "/workers",
    schema: { type: "integer", minimum: 1, maximum: 64, default: 1 },
    value: "N",
    summary: "number of processes that serve",
  },
  {
    pointer: "/metrics/listen",
    schema: { type: "string", format: "address" },
    value: "HOST:PORT",
    summary: "where to serve /metrics, by plain HTTP",
    otherwise: "not served",
    catalog: "registry.metrics.enabled",
  },
  {
    pointer: "/log/level",
    schema: {
      type: "string",
      enum: ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
      default: "info",
    },
    value: "LEVEL",
    summary: "trace, debug, info, warn, error, fatal or silent",
  },
  ...limitOptions,
  ...upkeepOptions,
];

/** `/tls/cert` → `tls-cert`, written `--tls-cert`. */
export function flagOf({ pointer }: Option): string {
  return pointer.slice(1).replaceAll("/", "-");
}

/** `/tls/cert` → `DCOS_REGISTRY_TLS_CERT`. */
export function variableOf(option: Option): string {
  return `DCOS_REGISTRY_${flagOf(option).replaceAll("-", "_").toUpperCase()}`;
}

/** `/log/level` → `registry.log.level`: where the Catalog package has it; empty when it has not. */
export function catalogOptionOf({ pointer, catalog }: Option): string {
  return catalog ?? `registry${pointer.replaceAll("/", ".")}`;
}

export function isSwitch({ schema }: Option): boolean {
  return schema["type"] === "boolean";
}
