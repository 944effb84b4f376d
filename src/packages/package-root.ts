/**
 * The documents that pin a package: metadata manifest and root index.
 *
 * Equal parts give equal bytes, so the digest of the root index is the identity of the package, on
 * the machine that built it and in every registry. Read back by `read-package-content.ts`.
 */
import { annotation, type Descriptor, describeBytes, emptyDescriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { mediaType } from "../oci/media-type.ts";
import type { PackageAsset, PackageImage } from "./package-content.ts";
import type { PackageDefinition } from "./package-definition.ts";

/** Title of the layer that holds the package definition. */
export const metadataTitle = "metadata.json";

export interface SourcedAsset extends PackageAsset {
  /** Where the build took it from; only for people. */
  readonly source?: string;
}

export interface PackageParts {
  /** Its file strings are asset paths already, except URLs that are kept. */
  readonly definition: PackageDefinition;
  /** In order of first reference, each path once. */
  readonly assets: readonly SourcedAsset[];
  /** In order of first reference, each reference once. */
  readonly images: readonly PackageImage[];
}

export interface PackageRoot {
  readonly root: Digest;
  /** Bytes of root index, metadata manifest, its empty config and `metadata.json`. */
  readonly documents: ReadonlyMap<Digest, Buffer>;
}

export function createPackageRoot({ definition, assets, images }: PackageParts): PackageRoot {
  const metadata = serialize(definition);
  const manifest = serialize({
    schemaVersion: 2,
    mediaType: mediaType.ociManifest,
    artifactType: mediaType.dcosPackageMetadata,
    config: emptyDescriptor,
    layers: [
      describeBytes("application/json", metadata, { [annotation.title]: metadataTitle }),
      ...assets.map(assetLayer),
    ],
  });
  const root = serialize({
    schemaVersion: 2,
    mediaType: mediaType.ociIndex,
    artifactType: mediaType.dcosPackage,
    manifests: [
      {
        ...describeBytes(mediaType.ociManifest, manifest),
        artifactType: mediaType.dcosPackageMetadata,
      },
      ...images.map(imageEntry),
    ],
    annotations: {
      [annotation.title]: definition.name,
      [annotation.version]: definition.version,
      [annotation.vendor]: definition.maintainer,
    },
  });
  const documents = [root, manifest, Buffer.from("{}"), metadata].map(
    (bytes) => [describeBytes("", bytes).digest, bytes] as const,
  );
  return { root: describeBytes(mediaType.ociIndex, root).digest, documents: new Map(documents) };
}

function assetLayer({ digest, size, path, mediaType: type, source }: SourcedAsset): Descriptor {
  const annotations = {
    [annotation.title]: path,
    ...(source !== undefined && { [annotation.dcosSourceUrl]: source }),
  };
  return { mediaType: type, digest, size, annotations };
}

/** Only what identifies the image: a registry may answer the same descriptor with more fields. */
function imageEntry({ reference, descriptor }: PackageImage): Descriptor {
  const { mediaType: type, digest, size } = descriptor;
  const annotations = { [annotation.dcosImageReference]: reference };
  return { mediaType: type, digest, size, annotations };
}

function serialize(document: object): Buffer {
  return Buffer.from(JSON.stringify(document));
}
