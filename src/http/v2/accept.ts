/** Which manifests a client can read, from its `Accept` header. Order and weights do not matter here. */
import { parseAccept } from "../accept.ts";

/** The last one is no media range by RFC 9110, but containerd 1.2 and Java mean "anything" by it. */
const wildcards = ["*/*", "application/*", "*"];

/** @returns a test for media types; without the header, or with a wildcard, everything is readable */
export function acceptsOf(header: string | undefined): (type: string) => boolean {
  if (header === undefined || header.trim() === "") return () => true;
  const types = new Set(parseAccept(header).map(({ name }) => name));
  if (wildcards.some((wildcard) => types.has(wildcard))) return () => true;
  return (type) => types.has(type);
}
