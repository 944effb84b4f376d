/** A small package in memory: what a bundle needs, made by the product's own functions. */
import { annotation, type Descriptor, describeBytes } from "../../src/oci/descriptor.ts";
import { type Digest, digestOf, hexOf } from "../../src/oci/digest.ts";
import { mediaType } from "../../src/oci/media-type.ts";
import { mediaTypeOf } from "../../src/packages/asset-file.ts";
import type { PackageDefinition } from "../../src/packages/package-definition.ts";
import { createPackageRoot, type SourcedAsset } from "../../src/packages/package-root.ts";

export interface SamplePackage {
  readonly root: Digest;
  readonly definition: PackageDefinition;
  readonly documents: Map<Digest, Buffer>;
  /** Everything, documents included. */
  readonly content: Map<Digest, Buffer>;
}

export function asset(fileName: string, text: string): SourcedAsset & { bytes: Buffer } {
  const bytes = Buffer.from(text);
  const digest = digestOf(bytes);
  const path = `${hexOf(digest)}/${fileName}`;
  return { bytes, digest, size: bytes.length, path, mediaType: mediaTypeOf(fileName) };
}

export interface SampleImage {
  readonly descriptor: Descriptor;
  readonly documents: readonly Buffer[];
  readonly blobs: readonly Buffer[];
}

export function manifestImage(name: string, layerCount = 1): SampleImage {
  const config = Buffer.from(
    JSON.stringify({ architecture: "amd64", os: "linux", config: { Cmd: [name] } }),
  );
  const layers = Array.from({ length: layerCount }, (_, i) => Buffer.from(`layer ${i} of ${name}`));
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaType.dockerManifest,
      config: describeBytes(mediaType.dockerConfig, config),
      layers: layers.map((layer) => describeBytes(mediaType.dockerLayerGzip, layer)),
    }),
  );
  const descriptor = describeBytes(mediaType.dockerManifest, manifest);
  return { descriptor, documents: [manifest], blobs: [config, ...layers] };
}

/** An index of two platforms of which only linux/amd64 is here. */
export function sparseImage(name: string): SampleImage {
  const here = manifestImage(name);
  const absent = manifestImage(`${name} on arm64`);
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaType.dockerList,
      manifests: [
        { ...absent.descriptor, platform: { os: "linux", architecture: "arm64", variant: "v8" } },
        { ...here.descriptor, platform: { os: "linux", architecture: "amd64" } },
      ],
    }),
  );
  const descriptor = describeBytes(mediaType.dockerList, index);
  return { descriptor, documents: [index, ...here.documents], blobs: here.blobs };
}

export function samplePackage(change: Partial<PackageDefinition> = {}): SamplePackage {
  const archive = asset("scheduler.zip", "scheduler");
  const escaped = asset("a%2Bb.tar.gz", "escaped");
  const icon = asset("icon.png", "icon");
  const cli = asset("dcos-sample", "binary");
  const images = {
    "docker.io/library/redis:7.2": manifestImage("redis", 2),
    "quay.io/acme/db:1": sparseImage("db"),
  };
  const definition: PackageDefinition = {
    packagingVersion: "4.0",
    name: "sample",
    version: "1.0-1",
    maintainer: "somebody@example.org",
    description: "A sample.",
    tags: ["sample"],
    resource: {
      assets: {
        uris: { archive: archive.path, escaped: escaped.path, prefix: "https://example.org" },
        container: { docker: { redis: "redis:7.2", db: "quay.io/acme/db:1" } },
      },
      images: { "icon-small": icon.path, "icon-medium": icon.path, screenshots: [icon.path] },
      cli: {
        binaries: {
          linux: {
            "x86-64": {
              contentHash: [{ algo: "sha256", value: hexOf(cli.digest) }],
              kind: "executable",
              url: cli.path,
            },
          },
        },
      },
    },
    ...change,
  };
  const assets = [archive, escaped, icon, cli];
  const created = createPackageRoot({
    definition,
    assets,
    images: Object.entries(images).map(([reference, { descriptor }]) => ({
      reference,
      descriptor,
    })),
  });
  const documents = new Map(created.documents);
  const content = new Map(documents);
  for (const image of Object.values(images)) {
    for (const bytes of image.documents) documents.set(digestOf(bytes), bytes);
    for (const bytes of [...image.documents, ...image.blobs]) content.set(digestOf(bytes), bytes);
  }
  for (const { digest, bytes } of assets) content.set(digest, bytes);
  return { root: created.root, definition, documents, content };
}

/** The same package with one of its two manifests changed by hand, as a hostile builder would. */
export function tampered(
  sample: SamplePackage,
  change: (root: RootIndex, metadata: MetadataManifest) => void,
  definition: unknown = sample.definition,
): { root: Digest; content: Map<Digest, Buffer> } {
  const content = new Map(sample.content);
  const store = (document: unknown) => {
    const bytes = Buffer.from(JSON.stringify(document));
    content.set(digestOf(bytes), bytes);
    return { digest: digestOf(bytes), size: bytes.length };
  };
  const read = (digest: Digest) => JSON.parse(String(content.get(digest)));
  const root = read(sample.root) as RootIndex;
  const [first] = root.manifests;
  if (!first) throw new Error("the sample has a metadata manifest");
  const metadata = read(first.digest) as MetadataManifest;
  const document = metadata.layers.find(
    ({ annotations }) => annotations?.[annotation.title] === "metadata.json",
  );
  if (document) Object.assign(document, store(definition));
  change(root, metadata);
  if (root.manifests?.[0] === first) Object.assign(first, store(metadata));
  return { root: store(root).digest, content };
}

export interface RootIndex {
  artifactType?: string;
  subject?: Descriptor;
  manifests: Mutable<Descriptor>[];
}

export interface MetadataManifest {
  artifactType?: string;
  config: Mutable<Descriptor>;
  layers: Mutable<Descriptor>[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
