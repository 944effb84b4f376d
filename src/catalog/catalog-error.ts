/**
 * What can be wrong with a request to the catalogue, in the words that Cosmos uses for the same.
 *
 * `code` is Cosmos' error type, `data` its fields; no status here, `http/` maps codes to answers.
 */
import { hexOf } from "../oci/digest.ts";
import { BundleInvalid } from "../packages/bundle-error.ts";
import type { PublishedPackage } from "./package-record.ts";

export abstract class CatalogError extends Error {
  abstract readonly code: "PackageNotFound" | "VersionNotFound" | "PackageConflict";
  readonly data: Readonly<Record<string, unknown>>;

  constructor(message: string, data: Record<string, unknown>, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.data = data;
  }
}

export class PackageNotFound extends CatalogError {
  readonly code = "PackageNotFound";
  constructor(packageName: string) {
    super(`Package [${packageName}] not found`, { packageName });
  }
}

export class VersionNotFound extends CatalogError {
  readonly code = "VersionNotFound";
  constructor(packageName: string, packageVersion: string) {
    super(`Version [${packageVersion}] of package [${packageName}] not found`, {
      packageName,
      packageVersion,
    });
  }
}

/** The same name and version with other content: never overwritten, services may run from it. */
export class PackageConflict extends CatalogError {
  readonly code = "PackageConflict";
  constructor({ record, releaseVersion }: PublishedPackage) {
    const { name, version } = record.definition;
    const added = new Date(releaseVersion * 1000).toISOString();
    const hex = hexOf(record.root).slice(0, 12);
    super(
      `${name} ${version} is already in the registry with different content (added ${added}, sha256 ${hex})`,
      {
        packageName: name,
        packageVersion: version,
        root: record.root,
        code: "E151",
        hint: "remove it first or use another version",
      },
    );
  }
}

/** A backup's releaseVersion that this registry cannot give. */
export class ReleaseRefused extends CatalogError {
  readonly code = "PackageConflict";
  constructor(packageName: string, releaseVersion: number, why: string) {
    super(`releaseVersion ${releaseVersion} of ${packageName} cannot be given: ${why}`, {
      packageName,
      releaseVersion,
      hint: "add the package without it; it then becomes the newest version",
    });
  }
}

/** Content that a package references came neither with it nor before; `detail` lists it all. */
export class PackageIncomplete extends BundleInvalid {
  readonly detail: Readonly<Record<string, unknown>>;
  constructor(digests: readonly string[], options?: ErrorOptions) {
    const [first = ""] = digests;
    const more = digests.length > 1 ? ` and ${digests.length - 1} more` : "";
    super(`the package is incomplete: ${first}${more} is neither in the bundle nor here`, {
      ...options,
      hint: "build the bundle again, or push the missing content first",
    });
    this.detail = { digests };
  }
}
