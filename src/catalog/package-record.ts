/**
 * What the catalogue knows of its packages.
 *
 * A record never changes and is stored under the hash of its own bytes; what changes (which packages
 * there are, and in which order they were added) stands in the one catalogue document.
 */
import type { Digest } from "../oci/digest.ts";
import type { PackageContent, PackageImage } from "../packages/package-content.ts";

/** An image under the name that this registry serves it by. */
export interface ServedImage extends PackageImage {
  /** Repository in this registry, `<package>/<original repository>`. */
  readonly repository: string;
  /** `<original tag>-<12 hex of the digest>`. */
  readonly tag: string;
}

export interface PackageRecord extends Omit<PackageContent, "images"> {
  readonly images: readonly ServedImage[];
  /** Every digest that the package keeps alive, transitively, its own manifests included. */
  readonly closure: readonly Digest[];
}

export interface PublishedPackage {
  readonly record: PackageRecord;
  /** Unique and growing per package name, equal on all instances. */
  readonly releaseVersion: number;
}

export interface CatalogSnapshot {
  /** Changes whenever the set of published packages changes; equal on all instances. */
  readonly generation: string;
  readonly packages: readonly PublishedPackage[];
  /** Published packages whose record cannot be read; they are missing above. */
  readonly unreadable?: readonly UnreadablePackage[];
}

export interface UnreadablePackage {
  readonly name: string;
  readonly version: string;
  readonly cause: unknown;
}
