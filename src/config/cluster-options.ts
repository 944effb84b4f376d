/** The rows about the DC/OS cluster around the registry, and about its users. */
import type { Option } from "./option.ts";

export const clusterOptions: readonly Option[] = [
  {
    pointer: "/service/account",
    schema: { type: "string", minLength: 1, format: "file" },
    value: "FILE",
    summary:
      "secret of the service account: with it the certificate comes from the cluster's CA, and users of the cluster are known",
    otherwise: "DCOS_SERVICE_ACCOUNT_CREDENTIAL, a file or the secret itself",
    catalog: "registry.service-account-secret-path",
  },
  {
    pointer: "/cluster/url",
    schema: { type: "string", format: "s3-endpoint" },
    value: "URL",
    summary: "where Admin Router answers",
    otherwise: "where the service account logs in",
  },
  {
    pointer: "/users/allow",
    schema: { type: "string", format: "uids" },
    value: "UID,…",
    summary: "users of the cluster who may write, by their DC/OS token",
    otherwise: "nobody by name",
  },
  {
    pointer: "/users/permission",
    schema: { type: "boolean", default: true },
    summary: "so may every user whom Admin Router lets use this service",
  },
];
