/**
 * The packages of this registry, as everything outside `catalog/` sees them.
 *
 * Adding and removing are all or nothing: a snapshot shows a package completely or not at all.
 */
import type { Digest } from "../oci/digest.ts";
import type { PackageAsset } from "../packages/package-content.ts";
import type { CatalogSnapshot, PublishedPackage } from "./package-record.ts";

export interface AddedPackage extends PublishedPackage {
  /** False when the very same package was here already: adding twice is no error. */
  readonly created: boolean;
}

export interface AddOptions {
  /** As a backup has it. A package that is here already keeps its own. */
  readonly releaseVersion?: number;
}

export interface RemoveOptions {
  /** Keep nothing for services that run from it. Ends the retention of what was removed before, too. */
  readonly now?: boolean;
}

/** A `.dcos` file that is made while it is read. */
export interface PackageBundle {
  readonly name: string;
  readonly version: string;
  /** Bytes. */
  readonly size: number;
  /** Byte positions, both inclusive. A chunk is valid only until the next one is asked for. */
  read(
    range: { readonly start: number; readonly end: number } | undefined,
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
}

export interface Catalog {
  /** The published packages; at most two seconds old, from memory when nothing changed. */
  snapshot(): Promise<CatalogSnapshot>;

  /** What `snapshot` would give in this turn; undefined when it would read or make anything. */
  recall(): CatalogSnapshot | undefined;

  /**
   * Stores a `.dcos` bundle while it arrives and publishes its package. Whatever goes wrong, nothing
   * of it becomes visible.
   *
   * @throws {BundleInvalid} when the bytes are no bundle
   * @throws {PackageInvalid} when the package in it breaks a rule
   * @throws {PackageConflict} when this version is here with other content
   * @throws {ReleaseRefused} when the wanted releaseVersion cannot be given
   */
  ingest(
    bundle: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    options?: AddOptions,
  ): Promise<AddedPackage>;

  /**
   * Publishes the package whose content was pushed before, blob by blob.
   *
   * @param root digest of the package root index
   * @throws {ManifestUnknown} when the root, or something it names, is not here
   * @throws {PackageInvalid}
   * @throws {PackageConflict}
   */
  publish(root: Digest, options?: AddOptions): Promise<AddedPackage>;

  /**
   * Takes a package out of the snapshot at once; its content stays for running services, for as long
   * as removed packages are retained.
   *
   * @throws {PackageNotFound}
   * @throws {VersionNotFound}
   */
  remove(name: string, version: string, options?: RemoveOptions): Promise<PublishedPackage>;

  /**
   * Finds an asset by its place, `<64 hex>/<file name>`, when a package that is here, or was
   * removed and is retained, names exactly this pair.
   */
  asset(path: string): Promise<PackageAsset | undefined>;

  /** The published package with this root as a `.dcos` file; undefined when there is none. */
  bundle(root: Digest): Promise<PackageBundle | undefined>;
}
