/**
 * The names inside a `.dcos` file, version 1: an OCI image layout with docker's list beside it.
 *
 *     oci-layout           marks the layout
 *     index.json           images by name, then the package root, unnamed
 *     manifest.json        the images as `docker load` wants them
 *     blobs/sha256/<hex>   everything else
 */
import { type Digest, hexOf, isDigest } from "../oci/digest.ts";

export const layoutFile = "oci-layout";
export const indexFile = "index.json";
export const dockerFile = "manifest.json";

export const layoutVersion = "1.0.0";

const blobFolder = "blobs/sha256/";

/** @throws {RangeError} for sha512, whose names do not fit into a ustar header */
export function blobFile(digest: Digest): string {
  if (!digest.startsWith("sha256:")) throw new RangeError(`a bundle cannot hold ${digest}`);
  return `${blobFolder}${hexOf(digest)}`;
}

/** Undefined when `name` is not exactly the name of a blob. */
export function parseBlobFile(name: string): Digest | undefined {
  if (!name.startsWith(blobFolder)) return undefined;
  const digest = `sha256:${name.slice(blobFolder.length)}`;
  return isDigest(digest) ? digest : undefined;
}
