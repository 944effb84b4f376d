/**
 * A published package as an entry of a Cosmos repository, packaging version 4.0 and 5.0.
 *
 * A pure projection: what the bundle names by place, agents find by URL and image reference of this
 * registry; what the package kept as it was stays as it was. URLs are made here and nowhere else,
 * so a registry that moves serves its new address at once.
 */
import { formatImageReference, parseImageReference } from "../oci/reference.ts";
import type {
  CliBinary,
  PackageAssets,
  PackageDefinition,
  PackageImages,
  PackageResource,
} from "../packages/package-definition.ts";
import { rewriteDefaults } from "./config-defaults.ts";
import type { PackageRecord, PublishedPackage } from "./package-record.ts";
import { assetUrl, imageReference } from "./served-names.ts";

/** Where this registry is reached, from the configuration and never from a request. */
export interface ServedLocations {
  /** `https://dcos-registry.marathon.l4lb.thisdcos.directory`: where Cosmos and agents fetch files. */
  readonly publicUrl: string;
  /** `dcos-registry.marathon.l4lb.thisdcos.directory:443`: what image references start with. */
  readonly imageHost: string;
}

export interface RepositoryEntry extends Omit<PackageDefinition, "packagingVersion"> {
  readonly packagingVersion: "3.0" | "4.0" | "5.0";
  readonly releaseVersion: number;
}

export function repositoryEntry(
  { record, releaseVersion }: PublishedPackage,
  locations: ServedLocations,
): RepositoryEntry {
  const { packagingVersion, name, version, ...rest } = record.definition;
  const names = servedNames(record, locations);
  const { resource, config } = rest;
  return {
    packagingVersion,
    name,
    version,
    releaseVersion,
    ...rest,
    ...(resource && { resource: servedResource(resource, names) }),
    ...(config && { config: rewriteDefaults(config, servedImages(resource, names)) }),
  };
}

/** Each answers what it is given when that is nothing this package brought along. */
interface ServedNames {
  file(text: string): string;
  image(text: string): string;
}

function servedNames({ assets, images }: PackageRecord, locations: ServedLocations): ServedNames {
  const paths = new Set(assets.map(({ path }) => path));
  const references = new Map(
    images.map((image) => [image.reference, imageReference(locations.imageHost, image)]),
  );
  return {
    file: (text) => (paths.has(text) ? assetUrl(locations.publicUrl, text) : text),
    image: (text) => references.get(normalised(text)) ?? text,
  };
}

function normalised(reference: string): string {
  try {
    return formatImageReference(parseImageReference(reference));
  } catch {
    return reference;
  }
}

function servedResource({ assets, images, cli }: PackageResource, names: ServedNames) {
  return {
    ...(assets && { assets: servedAssets(assets, names) }),
    ...(images && { images: servedIcons(images, names) }),
    ...(cli && {
      cli: { binaries: mapValues(cli.binaries, (binary) => servedBinary(binary, names)) },
    }),
  };
}

function servedAssets({ uris, container }: PackageAssets, names: ServedNames): PackageAssets {
  return {
    ...(uris && { uris: mapValues(uris, names.file) }),
    ...(container && { container: { docker: mapValues(container.docker, names.image) } }),
  };
}

function servedIcons({ screenshots, ...icons }: PackageImages, names: ServedNames): PackageImages {
  return {
    ...mapValues(icons, names.file),
    ...(screenshots && { screenshots: screenshots.map(names.file) }),
  };
}

function servedBinary(platform: { readonly "x86-64": CliBinary }, names: ServedNames) {
  const binary = platform["x86-64"];
  return { "x86-64": { ...binary, url: names.file(binary.url) } };
}

/** The references of the package as it writes them, each with its name in this registry. */
function servedImages(resource: PackageResource | undefined, names: ServedNames) {
  const written = Object.values(resource?.assets?.container?.docker ?? {});
  return new Map(
    written
      .map((text): [string, string] => [text, names.image(text)])
      .filter(([text, served]) => text !== served),
  );
}

function mapValues<T>(values: Readonly<Record<string, T>>, change: (value: T) => T) {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value)]));
}
