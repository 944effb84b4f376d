/**
 * The Docker schema 2 equivalent of an OCI image manifest.
 *
 * The Mesos containerizer and old dockerd read nothing else. Same config and layers, mapped media
 * types, own digest; rendered when the manifest comes in, so the bytes are the same on every
 * instance and a read never writes.
 */
import type { Descriptor } from "../oci/descriptor.ts";
import { type ImageManifest, type Manifest, parseManifest } from "../oci/manifest.ts";
import { mediaType } from "../oci/media-type.ts";

const mapped: Readonly<Record<string, string>> = {
  [mediaType.ociConfig]: mediaType.dockerConfig,
  [mediaType.ociLayer]: mediaType.dockerLayer,
  [mediaType.ociLayerGzip]: mediaType.dockerLayerGzip,
  [mediaType.dockerConfig]: mediaType.dockerConfig,
  [mediaType.dockerLayer]: mediaType.dockerLayer,
  [mediaType.dockerLayerGzip]: mediaType.dockerLayerGzip,
  [mediaType.dockerForeignLayer]: mediaType.dockerForeignLayer,
};

/** @returns undefined for what is no OCI image, or has parts that schema 2 does not know (zstd) */
export function schema2Twin(manifest: Manifest): ImageManifest | undefined {
  if (manifest.kind !== "manifest" || manifest.mediaType !== mediaType.ociManifest)
    return undefined;
  if (mapped[manifest.config.mediaType] !== mediaType.dockerConfig) return undefined;
  const layers = manifest.layers.map(map);
  if (layers.length === 0 || layers.includes(undefined)) return undefined;
  const document = {
    schemaVersion: 2,
    mediaType: mediaType.dockerManifest,
    config: map(manifest.config),
    layers,
  };
  const bytes = Buffer.from(JSON.stringify(document, null, 3));
  const twin = parseManifest(bytes, mediaType.dockerManifest);
  return twin.kind === "manifest" ? twin : undefined;
}

/**
 * What keeps an OCI image from having a twin: media types of its layers, each once. Empty for what
 * has one, and for what is no image at all.
 */
export function unknownToSchema2(manifest: Manifest): readonly string[] {
  if (manifest.kind !== "manifest" || manifest.mediaType !== mediaType.ociManifest) return [];
  if (mapped[manifest.config.mediaType] !== mediaType.dockerConfig) return [];
  const types = manifest.layers.map((layer) => layer.mediaType);
  return [...new Set(types.filter((type) => mapped[type] === undefined))];
}

function map({ mediaType: type, size, digest, urls }: Descriptor): object | undefined {
  const target = mapped[type];
  if (target === undefined) return undefined;
  return { mediaType: target, size, digest, ...(urls && { urls }) };
}
