/** The rows about who the server is, whom it trusts, and who may write. */
import type { SchemaObject } from "ajv";
import type { Option } from "./option.ts";

const file: SchemaObject = { type: "string", minLength: 1, format: "file" };

export const identityOptions: readonly Option[] = [
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
    catalog: "registry.ca-secret-path",
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
];
