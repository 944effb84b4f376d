/**
 * An image as one OCI archive: an image layout in a tar, which `build --image-archive`, skopeo, podman,
 * docker and ctr read. Written by the writer of bundles.
 */
import { createReadStream } from "node:fs";
import { annotation, type Descriptor, describeBytes } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { mediaType } from "../oci/media-type.ts";
import { formatImageReference, parseImageReference } from "../oci/reference.ts";
import {
  blobFile,
  dockerFile,
  indexFile,
  layoutFile,
  layoutVersion,
} from "../packages/bundle-layout.ts";
import { documentEntry, placeEntries, type UnplacedEntry } from "../packages/bundle-plan.ts";
import { writeBundle } from "../packages/bundle-writer.ts";
import type { ImageLayer } from "./image-layer.ts";

export interface ImageSettings {
  /** Name with tag, as a package's resource.json has it. */
  readonly reference: string;
  readonly architecture: string;
  /** What `docker run` starts, and under which conditions: the `config` of an image's config. */
  readonly run: Readonly<Record<string, unknown>>;
}

/**
 * @param target must not exist
 * @throws {BundleExists}
 */
export async function writeImageArchive(
  target: string,
  settings: ImageSettings,
  layers: readonly ImageLayer[],
  signal: AbortSignal,
): Promise<Descriptor> {
  const { config, manifest } = imageDocuments(settings, layers);
  const name = formatImageReference(parseImageReference(settings.reference));
  const described = describeBytes(mediaType.ociManifest, manifest);
  const names = { [annotation.refName]: name, [annotation.containerdImageName]: name };
  const layerFiles = layers.map(({ descriptor }) => blobFile(descriptor.digest));
  const plan = placeEntries([
    documentEntry(layoutFile, { imageLayoutVersion: layoutVersion }),
    documentEntry(indexFile, {
      schemaVersion: 2,
      mediaType: mediaType.ociIndex,
      manifests: [{ ...described, annotations: names }],
    }),
    documentEntry(dockerFile, [
      { Config: blobFile(describeBytes("", config).digest), RepoTags: [name], Layers: layerFiles },
    ]),
    blobEntry(manifest),
    blobEntry(config),
    ...layers.map(({ descriptor: { digest, size } }) => ({
      name: blobFile(digest),
      size,
      content: { blob: digest },
    })),
  ]);
  const files = new Map(layers.map(({ descriptor, file }) => [descriptor.digest, file]));
  const open = (digest: Digest) => createReadStream(files.get(digest) ?? "");
  await writeBundle(target, plan, open, { concurrency: 1, signal });
  return described;
}

function blobEntry(bytes: Buffer): UnplacedEntry {
  const { digest, size } = describeBytes("", bytes);
  return { name: blobFile(digest), size, content: { bytes } };
}

/** No times, so that equal files give an equal image. */
function imageDocuments(
  { architecture, run }: ImageSettings,
  layers: readonly ImageLayer[],
): { config: Buffer; manifest: Buffer } {
  const created = "1970-01-01T00:00:00Z";
  const config = serialize({
    created,
    architecture,
    os: "linux",
    config: run,
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ title }) => ({ created, created_by: title })),
  });
  const manifest = serialize({
    schemaVersion: 2,
    mediaType: mediaType.ociManifest,
    config: describeBytes(mediaType.ociConfig, config),
    layers: layers.map(({ descriptor }) => descriptor),
  });
  return { config, manifest };
}

function serialize(document: object): Buffer {
  return Buffer.from(JSON.stringify(document));
}
