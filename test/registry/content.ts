/** Blobs, manifests and indexes for tests of the registry, and ways to push and read them. */
import { type Descriptor, describeBytes } from "../../src/oci/descriptor.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { type Manifest, parseManifest } from "../../src/oci/manifest.ts";
import { mediaType } from "../../src/oci/media-type.ts";
import { parseRepositoryName } from "../../src/oci/reference.ts";
import type { BlobStore } from "../../src/registry/blob-store.ts";
import type { Registry } from "../../src/registry/registry.ts";
import { collect, pattern, piecesOf } from "../storage/bytes.ts";

export const repository = parseRepositoryName("library/app");
export const elsewhere = parseRepositoryName("library/other");

export interface Content {
  readonly bytes: Buffer;
  readonly digest: Digest;
  /** A new stream of the bytes, in the pieces of a TLS socket. */
  body(): AsyncGenerator<Buffer>;
}

export function contentOf(bytes: Buffer | string): Content {
  const whole = Buffer.from(bytes);
  return { bytes: whole, digest: digestOf(whole), body: () => piecesOf(whole, 16 * 1024) };
}

/** Content too large to stand in a record. */
export function large(seed: number, size = 300_000): Content {
  return contentOf(pattern(size, seed));
}

export async function* noBody(): AsyncGenerator<Buffer> {}

export async function readBlob(blobs: BlobStore, digest: Digest): Promise<Buffer> {
  return collect((await blobs.open(digest)).read());
}

export interface ImageParts {
  readonly config: Content;
  readonly layers: readonly Content[];
  readonly manifest: Manifest;
}

export type ImageFormat = "oci" | "docker";

const types = {
  oci: {
    manifest: mediaType.ociManifest,
    index: mediaType.ociIndex,
    config: mediaType.ociConfig,
    layer: mediaType.ociLayerGzip,
  },
  docker: {
    manifest: mediaType.dockerManifest,
    index: mediaType.dockerList,
    config: mediaType.dockerConfig,
    layer: mediaType.dockerLayerGzip,
  },
} as const;

export interface ImageOptions {
  readonly format?: ImageFormat;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly subject?: Manifest;
  readonly artifactType?: string;
  /** Bytes of the large layer; 20,000 unless told. */
  readonly layerBytes?: number;
}

/** An image with one small and one large layer; other seeds give other digests throughout. */
export function imageOf(seed: number, options: ImageOptions = {}): ImageParts {
  const { format = "oci", annotations, subject, artifactType, layerBytes = 20_000 } = options;
  const type = types[format];
  const config = contentOf(JSON.stringify({ architecture: "amd64", os: "linux", seed }));
  const layers = [contentOf(`layer ${seed}`), large(seed, layerBytes)];
  const manifest = manifestOf(type.manifest, {
    ...(artifactType && { artifactType }),
    config: describeBytes(type.config, config.bytes),
    layers: layers.map(({ bytes }) => describeBytes(type.layer, bytes)),
    ...(subject && { subject: descriptorOf(subject) }),
    ...(annotations && { annotations }),
  });
  return { config, layers, manifest };
}

export function indexOf(
  children: readonly (Descriptor | Manifest)[],
  format: ImageFormat = "oci",
): Manifest {
  const descriptors = children.map((child) => ("bytes" in child ? descriptorOf(child) : child));
  return manifestOf(types[format].index, { manifests: descriptors });
}

export function manifestOf(type: string, fields: Record<string, unknown>): Manifest {
  const document = { schemaVersion: 2, mediaType: type, ...fields };
  return parseManifest(Buffer.from(JSON.stringify(document)), type);
}

export function descriptorOf(manifest: Manifest, platform?: Descriptor["platform"]): Descriptor {
  const descriptor = describeBytes(manifest.mediaType, manifest.bytes);
  return platform ? { ...descriptor, platform } : descriptor;
}

export async function pushContent(registry: Registry, content: Content): Promise<void> {
  await registry.blobs.push(content.digest, content.body(), content.bytes.byteLength);
}

export async function pushParts(registry: Registry, { config, layers }: ImageParts): Promise<void> {
  for (const content of [config, ...layers]) await pushContent(registry, content);
}

export async function pushImage(
  registry: Registry,
  image: ImageParts,
  tags: readonly string[] = [],
): Promise<void> {
  await pushParts(registry, image);
  await registry.manifests.put(repository, image.manifest, tags);
}
