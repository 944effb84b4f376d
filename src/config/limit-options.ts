/** The rows about how much the server takes. */
import type { Option } from "./option.ts";

const MiB = 1024 * 1024;

export const limitOptions: readonly Option[] = [
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
];
