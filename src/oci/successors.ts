/** The edges of the content graph: what a manifest needs to be whole. */
import type { Descriptor } from "./descriptor.ts";
import type { Manifest } from "./manifest.ts";
import { isNonDistributable } from "./media-type.ts";

/**
 * - `blob`: config or layer; must be present (non-distributable layers may be absent)
 * - `manifest`: child of an index; may be absent (sparse index)
 */
export interface Successor {
  readonly kind: "blob" | "manifest";
  readonly descriptor: Descriptor;
  readonly required: boolean;
}

/** In order of first reference. The subject is a predecessor's edge and not among them. */
export function successors(manifest: Manifest): Successor[] {
  if (manifest.kind === "index") {
    return manifest.manifests.map((child) => ({
      kind: "manifest",
      descriptor: child,
      required: false,
    }));
  }
  return [manifest.config, ...manifest.layers].map((child) => ({
    kind: "blob",
    descriptor: child,
    required: !isNonDistributable(child.mediaType),
  }));
}
