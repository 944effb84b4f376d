/**
 * `Warning` headers: what a client should show its user although the request succeeded.
 *
 * Form and limit are those of distribution-spec 1.1: `299 - "text"`, no date, 4096 bytes in all.
 */
import type { Manifest } from "../../oci/manifest.ts";
import type { Closure } from "../../registry/closure.ts";
import { unknownToSchema2 } from "../../registry/schema2-twin.ts";

const largestText = 1000;

/** What somebody who pushed this manifest may not have meant. */
export function warningsAbout(manifest: Manifest, { optional }: Closure): string[] {
  if (manifest.kind === "index") {
    const absent = manifest.manifests.filter(({ digest }) => optional.has(digest)).length;
    if (absent === 0) return [];
    const all = manifest.manifests.length;
    return [warning(`${absent} of the ${all} manifests in this index are not in this registry`)];
  }
  const types = unknownToSchema2(manifest);
  if (types.length === 0) return [];
  return [
    warning(
      `the Mesos containerizer and old Docker engines cannot pull this image: they do not know ${types.join(", ")}`,
    ),
  ];
}

/** Media types come from the manifest and may hold anything; a header takes printable ASCII. */
function warning(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]/gu, "?").slice(0, largestText);
  return `299 - "${plain.replace(/["\\]/g, "\\$&")}"`;
}
