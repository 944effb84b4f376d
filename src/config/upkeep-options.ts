/**
 * The rows about the upkeep of what is stored: verification, retention, garbage collection.
 *
 * Bounds keep what clients are promised: 23 hours and a minute.
 */
import type { Option } from "./option.ts";

const MiB = 1024 * 1024;

export const upkeepOptions: readonly Option[] = [
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
  {
    pointer: "/gc/enabled",
    schema: { type: "boolean", default: true },
    summary: "free what nothing references any more, while serving",
  },
  {
    pointer: "/gc/interval-minutes",
    schema: { type: "integer", minimum: 1, maximum: 10_080, default: 60 },
    value: "MINUTES",
    summary: "pause between two cycles of garbage collection",
  },
  {
    pointer: "/gc/grace-hours",
    schema: { type: "integer", minimum: 24, maximum: 8_760, default: 24 },
    value: "HOURS",
    summary: "how long content without a reference is kept for clients that were told it is here",
  },
  {
    pointer: "/gc/settle-minutes",
    schema: { type: "integer", minimum: 1, maximum: 10_080, default: 60 },
    value: "MINUTES",
    summary: "how long content without a reference is left alone before that time begins",
  },
  {
    pointer: "/gc/orphan-hours",
    schema: { type: "integer", minimum: 24, maximum: 8_760, default: 24 },
    value: "HOURS",
    summary: "how long bytes of broken pushes are kept; longer than any single request takes",
  },
  {
    pointer: "/gc/requests-per-second",
    schema: { type: "integer", minimum: 0, maximum: 100_000, default: 500 },
    value: "N",
    summary: "the most that garbage collection asks of the storage; 0 for no limit",
  },
  {
    pointer: "/gc/test-milliseconds",
    schema: { type: "integer", minimum: 0, maximum: 86_400_000 },
    value: "MS",
    summary: "for tests only: in place of all these times, which breaks promises made to clients",
    otherwise: "the times above",
    catalog: "",
  },
];
