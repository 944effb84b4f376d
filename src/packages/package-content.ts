/** What one package consists of, as its root index in a bundle or a registry pins it. */
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { PackageDefinition } from "./package-definition.ts";

/** A file of the package: an asset, an icon, a screenshot or a CLI binary. */
export interface PackageAsset {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** `<64 hex>/<file name>`: the layer's title, the string in the definition, the end of the URL. */
  readonly path: string;
  readonly mediaType: string;
}

/** A docker image of the package. */
export interface PackageImage {
  /** Full normalised reference that the package was built with, `docker.io/library/redis:7.2`. */
  readonly reference: string;
  /** The image's manifest or index, as it stands in the root index. */
  readonly descriptor: Descriptor;
}

export interface PackageContent {
  /** Digest of the package root index: the identity of the package. */
  readonly root: Digest;
  /** The manifest whose layers are `metadata.json` and the assets. */
  readonly metadata: Digest;
  readonly definition: PackageDefinition;
  readonly assets: readonly PackageAsset[];
  readonly images: readonly PackageImage[];
}
