/** Packages for tests, whole enough that every projection of them can be checked. */
import type { PublishedPackage } from "../../src/catalog/package-record.ts";
import { servedImage } from "../../src/catalog/served-names.ts";
import { digestOf, hexOf } from "../../src/oci/digest.ts";
import { mediaType } from "../../src/oci/media-type.ts";
import { formatImageReference, parseImageReference } from "../../src/oci/reference.ts";
import type { PackageAsset } from "../../src/packages/package-content.ts";
import type { PackageDefinition } from "../../src/packages/package-definition.ts";

type NamedContent = readonly [fileName: string, content: string | Buffer];

/** Pairs where one name stands for several files, as it may. */
export type PackageFiles = Readonly<Record<string, string | Buffer>> | readonly NamedContent[];

export interface PackageParts {
  readonly definition?: Partial<PackageDefinition>;
  readonly releaseVersion?: number;
  /** File names with their content; named in a definition by `assetPath`. */
  readonly files?: PackageFiles;
  /** As the package writes them; their content is their name. */
  readonly images?: readonly string[];
}

/** The place of a file in a bundle, which is also what the definition in it says. */
export function assetPath(fileName: string, content: string | Buffer): string {
  return `${hexOf(digestOf(content))}/${fileName}`;
}

export function namedContents(files: PackageFiles = {}): readonly NamedContent[] {
  return Array.isArray(files) ? files : Object.entries(files);
}

export function publishedPackage(parts: PackageParts = {}): PublishedPackage {
  const { definition: fields, releaseVersion = 1, files, images = [] } = parts;
  const definition: PackageDefinition = {
    packagingVersion: "4.0",
    name: "hello",
    version: "1.0",
    maintainer: "ops@example.test",
    description: "Says hello",
    tags: ["greeting"],
    ...fields,
  };
  const assets = namedContents(files).map(([fileName, content]): PackageAsset => {
    const bytes = Buffer.from(content);
    return {
      digest: digestOf(bytes),
      size: bytes.length,
      path: assetPath(fileName, bytes),
      mediaType: mediaType.octetStream,
    };
  });
  const served = images.map((image) => {
    const reference = formatImageReference(parseImageReference(image));
    const descriptor = {
      mediaType: mediaType.ociManifest,
      digest: digestOf(reference),
      size: reference.length,
    };
    return servedImage(definition.name, { reference, descriptor });
  });
  const content = { definition, assets, images: served };
  const root = digestOf(JSON.stringify(content));
  const metadata = digestOf(JSON.stringify(definition));
  const record = { ...content, root, metadata, closure: [root, metadata] };
  return { record, releaseVersion };
}
