/** Which manifests a client can read, from its `Accept` header. Order and weights do not matter here. */
import { parseAccept } from "../accept.ts";

/** @returns a test for media types; without the header, or with a wildcard, everything is readable */
export function acceptsOf(header: string | undefined): (type: string) => boolean {
  if (header === undefined || header.trim() === "") return () => true;
  const types = new Set(parseAccept(header).map(({ name }) => name));
  if (types.has("*/*") || types.has("application/*")) return () => true;
  return (type) => types.has(type);
}
