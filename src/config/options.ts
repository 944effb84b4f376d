/**
 * The one table of the server's options.
 *
 * Flag, environment variable, place in the configuration file, validation, help text and the table
 * in CONTRIBUTING.md all follow from a row here, so none of them can disagree with another.
 */
import type { SchemaObject } from "ajv";
import { clusterOptions } from "./cluster-options.ts";
import { gcOptions } from "./gc-options.ts";
import type { Option } from "./option.ts";

export type { Option } from "./option.ts";

const MiB = 1024 * 1024;
const file: SchemaObject = { type: "string", minLength: 1, format: "file" };

/** In the order in which help prints them. */
export const options: readonly Option[] = [
  {
    pointer: "/config",
    schema: file,
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
  {
    pointer: "/storage",
    schema: { type: "string", minLength: 1, format: "storage", default: "./data" },
    value: "DIRECTORY",
    summary:
      "where everything is kept; with a bucket, what belongs to this machine alone; s3://BUCKET/PATH stands for the options of the bucket",
    catalog: "registry.mount-volume",
  },
  {
    pointer: "/adopt-storage",
    schema: { type: "boolean", default: false },
    summary: "take over storage that a service of another name has used",
    catalog: "",
  },
  {
    pointer: "/s3/bucket",
    schema: { type: "string", format: "s3-bucket" },
    value: "NAME",
    summary: "bucket of an S3-compatible store that keeps everything, for one or more instances",
    otherwise: "everything is kept in the directory",
  },
  {
    pointer: "/s3/path",
    schema: { type: "string", format: "s3-path" },
    value: "PATH",
    summary: "where in the bucket; a place of its own for each service",
    otherwise: "the whole bucket",
  },
  {
    pointer: "/s3/endpoint",
    schema: { type: "string", format: "s3-endpoint" },
    value: "URL",
    summary: "where the store answers",
    otherwise: "Amazon's",
  },
  {
    pointer: "/s3/region",
    schema: { type: "string", minLength: 1, default: "us-east-1" },
    value: "NAME",
    summary: "region of the bucket",
  },
  {
    pointer: "/s3/credentials-file",
    schema: file,
    value: "FILE",
    summary: "access keys, as AWS tools keep them; read again when it changes",
    otherwise: "AWS variables, web identity, container or instance metadata",
    catalog: "registry.s3.credential-secret-path",
  },
  {
    pointer: "/s3/credential-profile-name",
    schema: { type: "string", minLength: 1, default: "default" },
    value: "NAME",
    summary: "the profile in that file",
  },
  {
    pointer: "/s3/force-path-style",
    schema: { type: "boolean", default: true },
    summary: "at an endpoint that is set: the bucket stands in the path, not in the host name",
  },
  {
    pointer: "/s3/cache-bytes",
    schema: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0 },
    value: "BYTES",
    summary:
      "of layers and files from the bucket, kept below --storage; 0 keeps them only while they are read",
    catalog: "",
  },
  {
    pointer: "/s3/coordination",
    schema: { type: "string", enum: ["auto", "unsafe-single-writer"], default: "auto" },
    value: "MODE",
    summary:
      "auto, or unsafe-single-writer: you see to it that one instance alone writes to a store that cannot arbitrate",
  },
  {
    pointer: "/service/name",
    schema: { type: "string", format: "service-name", default: "dcos-registry" },
    value: "NAME",
    summary: "name of the service in DC/OS; setting it makes its load-balanced name the public one",
    catalog: "service.name",
  },
  {
    pointer: "/service/former-name",
    schema: { type: "string", format: "service-name" },
    value: "NAME",
    summary: "name that the service had before; its certificate stays good for it",
    catalog: "service.former-name",
  },
  {
    pointer: "/service/instances",
    schema: { type: "integer", minimum: 1, maximum: 1000, default: 1 },
    value: "N",
    summary: "how many instances there are; more than one needs a bucket that can arbitrate",
    catalog: "service.instances",
  },
  {
    pointer: "/public-url",
    schema: { type: "string", format: "https-url" },
    value: "URL",
    summary: "base of the URLs that /repo hands out",
    otherwise: "the service's load-balanced name if it was set, else the listen address",
  },
  {
    pointer: "/image-host",
    schema: { type: "string", format: "image-host" },
    value: "HOST[:PORT]",
    summary: "registry host in image references that /repo hands out",
    otherwise: "host and port of the public URL",
  },
  {
    pointer: "/tls/cert",
    schema: file,
    value: "FILE",
    summary: "server certificate, PEM; may hold its chain",
    otherwise: "a development CA in <storage>/tls",
    catalog: "registry.tls.cert-secret-path",
  },
  {
    pointer: "/tls/key",
    schema: file,
    value: "FILE",
    summary: "its private key, PEM",
    catalog: "registry.tls.key-secret-path",
  },
  {
    pointer: "/tls/ca",
    schema: file,
    value: "FILE",
    summary: "intermediate certificates to serve behind the certificate, PEM",
    catalog: "registry.tls.ca-secret-path",
  },
  {
    pointer: "/ca",
    schema: file,
    value: "FILE",
    summary: "further roots for connections that the server makes, such as to the bucket, PEM",
    catalog: "",
  },
  {
    pointer: "/htpasswd",
    schema: file,
    value: "FILE",
    summary: "users who may write; bcrypt only (htpasswd -B)",
    catalog: "registry.htpasswd-secret-path",
  },
  {
    pointer: "/token-file",
    schema: file,
    value: "FILE",
    summary: "tokens that may write, one a line",
    catalog: "registry.token-secret-path",
  },
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
  {
    pointer: "/limits/manifest-bytes",
    schema: { type: "integer", minimum: 4 * MiB, maximum: 64 * MiB, default: 8 * MiB },
    value: "BYTES",
    summary: "largest manifest that is accepted, 4 to 64 MiB",
  },
  {
    pointer: "/limits/bundle-bytes",
    schema: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0 },
    value: "BYTES",
    summary: "largest .dcos file that is accepted; 0 for any",
  },
  {
    pointer: "/limits/uploads",
    schema: { type: "integer", minimum: 1, maximum: 100_000, default: 256 },
    value: "N",
    summary: "requests that send content through /v2 at the same time, in each worker",
  },
  {
    pointer: "/limits/uploads-per-client",
    schema: { type: "integer", minimum: 1, maximum: 100_000, default: 64 },
    value: "N",
    summary: "the same from one address and user; a proxy in front counts as one address",
  },
  {
    pointer: "/limits/free-bytes",
    schema: { type: "integer", minimum: -1, maximum: Number.MAX_SAFE_INTEGER, default: -1 },
    value: "BYTES",
    summary:
      "pushes and additions are refused (507) where less is left on the disk; -1 for 2 % of it, from 1 to 10 GiB, at most a tenth",
  },
  {
    pointer: "/limits/quota-bytes",
    schema: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 0 },
    value: "BYTES",
    summary: "pushes and additions are refused (507) where so much is stored in all; 0 for any",
  },
  {
    pointer: "/scrub/interval-hours",
    schema: { type: "integer", minimum: 0, maximum: 8_760, default: 168 },
    value: "HOURS",
    summary: "pause between two verifications of all that is stored; 0 for none but on request",
  },
  {
    pointer: "/scrub/bytes-per-second",
    schema: {
      type: "integer",
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      default: 16 * MiB,
    },
    value: "BYTES",
    summary: "how fast a verification reads; 0 for as fast as it goes",
  },
  {
    pointer: "/packages/retain-days",
    schema: { type: "integer", minimum: 0, maximum: 36_500, default: 30 },
    value: "DAYS",
    summary: "how long agents can still pull what belonged to a removed package",
  },
  {
    pointer: "/upload/expiry-hours",
    schema: { type: "integer", minimum: 1, maximum: 8_760, default: 24 },
    value: "HOURS",
    summary: "how long an unfinished upload can be continued",
  },
  ...gcOptions,
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
