/** The rows about where everything is kept: a directory, or a bucket. */
import type { SchemaObject } from "ajv";
import type { Option } from "./option.ts";

const file: SchemaObject = { type: "string", minLength: 1, format: "file" };

export const storageOptions: readonly Option[] = [
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
    schema: { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER, default: 2 ** 31 },
    value: "BYTES",
    summary:
      "of layers and files from the bucket, kept below --storage while its disk has room; 0 keeps them only while they are read",
  },
  {
    pointer: "/s3/coordination",
    schema: { type: "string", enum: ["auto", "unsafe-single-writer"], default: "auto" },
    value: "MODE",
    summary:
      "auto, or unsafe-single-writer: you see to it that one instance alone writes to a store that cannot arbitrate",
  },
];
