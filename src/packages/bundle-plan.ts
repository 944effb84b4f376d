/**
 * The complete map of a bundle before its first byte is written: every entry, its size and place.
 *
 * All sizes stand in the manifests, so the map depends on the package root alone. That makes bundles
 * reproducible at any concurrency: each byte has its place whenever it arrives.
 */
import { annotation, type Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import {
  type ImageIndex,
  type ImageManifest,
  parseManifest,
  selectPlatform,
} from "../oci/manifest.ts";
import { isIndexType, mediaType } from "../oci/media-type.ts";
import { parseImageReference } from "../oci/reference.ts";
import { successors } from "../oci/successors.ts";
import { blobFile, dockerFile, indexFile, layoutFile, layoutVersion } from "./bundle-layout.ts";
import { blockSize, paddingOf } from "./tar-header.ts";

/** Known bytes, or a blob that is still to come. */
export type EntryContent = { readonly bytes: Buffer } | { readonly blob: Digest };

export interface PlannedEntry {
  readonly name: string;
  /** Bytes of content. */
  readonly size: number;
  /** Where the header of the entry begins in the file. */
  readonly offset: number;
  readonly content: EntryContent;
}

export interface BundlePlan {
  readonly entries: readonly PlannedEntry[];
  /** Bytes of the whole file. */
  readonly size: number;
}

/** All manifests of the package, by digest. An index's child that is absent is left out: sparse. */
export type Documents = ReadonlyMap<Digest, Buffer>;

/**
 * @param root      digest of the package root index
 * @param documents root index, metadata manifest, `metadata.json`, `{}`, image indexes and manifests
 * @throws {TypeError} when a document that cannot be left out is missing
 * @throws {RangeError} when a digest is not sha256
 */
export function planBundle(root: Digest, documents: Documents): BundlePlan {
  const index = readIndex(root, documents);
  const [metadata, ...images] = index.manifests;
  if (metadata === undefined) throw new TypeError(`${root} is no package root`);
  const order = new BlobOrder(documents);
  order.document(describe(index));
  order.manifest(metadata, "documents");
  for (const image of images) order.manifest(image, "documents");
  order.manifest(metadata, "blobs");
  for (const image of images) order.manifest(image, "blobs");
  return placeEntries([
    documentEntry(layoutFile, { imageLayoutVersion: layoutVersion }),
    documentEntry(indexFile, layoutIndex(index, images)),
    documentEntry(dockerFile, dockerList(images, documents)),
    ...order.entries(),
  ]);
}

export type UnplacedEntry = Omit<PlannedEntry, "offset">;

/** One behind the other, in their order. */
export function placeEntries(unplaced: readonly UnplacedEntry[]): BundlePlan {
  let offset = 0;
  const entries = unplaced.map((entry) => {
    const placed = { ...entry, offset };
    offset += blockSize + entry.size + paddingOf(entry.size);
    return placed;
  });
  return { entries, size: offset + 2 * blockSize };
}

/** A file of the archive that holds a document. */
export function documentEntry(name: string, document: object): UnplacedEntry {
  const bytes = Buffer.from(JSON.stringify(document));
  return { name, size: bytes.byteLength, content: { bytes } };
}

/** Collects blobs in the order of the format; a digest counts where it comes first. */
class BlobOrder {
  readonly #documents: Documents;
  readonly #first = new Map<Digest, UnplacedEntry>();
  readonly #last = new Map<Digest, UnplacedEntry>();

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  document({ digest, size }: Descriptor): void {
    this.#add(this.#first, digest, size);
  }

  /** Either the documents below a manifest (itself, its children, configs) or what is large. */
  manifest(descriptor: Descriptor, what: "documents" | "blobs"): void {
    const bytes = this.#documents.get(descriptor.digest);
    if (bytes === undefined) throw new TypeError(`manifest ${descriptor.digest} is missing`);
    if (what === "documents") this.document(descriptor);
    const manifest = parseManifest(bytes, descriptor.mediaType);
    for (const { kind, descriptor: child, required } of successors(manifest)) {
      if (kind === "manifest") {
        if (this.#documents.has(child.digest)) this.manifest(child, what);
      } else if (required) this.#blob(manifest as ImageManifest, child, what);
    }
  }

  #blob(
    { config }: ImageManifest,
    { digest, size }: Descriptor,
    what: "documents" | "blobs",
  ): void {
    const small = digest === config.digest || this.#documents.has(digest);
    if (small !== (what === "documents")) return;
    this.#add(small ? this.#first : this.#last, digest, size);
  }

  #add(group: Map<Digest, UnplacedEntry>, digest: Digest, size: number): void {
    if (this.#first.has(digest) || this.#last.has(digest)) return;
    const bytes = this.#documents.get(digest);
    const content = bytes === undefined ? { blob: digest } : { bytes };
    group.set(digest, { name: blobFile(digest), size, content });
  }

  entries(): UnplacedEntry[] {
    return [...this.#first.values(), ...this.#last.values()];
  }
}

function readIndex(digest: Digest, documents: Documents): ImageIndex {
  const bytes = documents.get(digest);
  const index = bytes && parseManifest(bytes, mediaType.ociIndex);
  if (index?.kind !== "index") throw new TypeError(`${digest} is no package root`);
  return index;
}

function describe({ bytes, digest, mediaType: type }: ImageIndex): Descriptor {
  return { mediaType: type, digest, size: bytes.byteLength };
}

/** Images under both names that tools look for, then the package root, which must have none. */
function layoutIndex(root: ImageIndex, images: readonly Descriptor[]): object {
  const named = images.map(({ mediaType: type, digest, size, annotations }) => {
    const name = annotations?.[annotation.dcosImageReference] ?? "";
    const names = { [annotation.refName]: name, [annotation.containerdImageName]: name };
    return { mediaType: type, digest, size, annotations: names };
  });
  const artifactType = mediaType.dcosPackage;
  const manifests = [...named, { ...describe(root), artifactType }];
  return { schemaVersion: 2, mediaType: mediaType.ociIndex, manifests };
}

/** One item per image, for its default platform; the names of one image stand together. */
function dockerList(images: readonly Descriptor[], documents: Documents): object[] {
  const items = new Map<Digest, { Config: string; RepoTags: string[]; Layers: string[] }>();
  for (const image of images) {
    const manifest = defaultManifest(image, documents);
    if (manifest === undefined) continue;
    const item = items.get(manifest.digest) ?? {
      Config: blobFile(manifest.config.digest),
      RepoTags: [],
      Layers: manifest.layers.map(({ digest }) => blobFile(digest)),
    };
    items.set(manifest.digest, item);
    const name = dockerName(image.annotations?.[annotation.dcosImageReference] ?? "");
    if (name !== undefined && !item.RepoTags.includes(name)) item.RepoTags.push(name);
  }
  return [...items.values()];
}

/** Docker takes names with a tag only; an image named by digest alone is loaded without a name. */
function dockerName(reference: string): string | undefined {
  const { host, repository, tag } = parseImageReference(reference);
  return tag === undefined ? undefined : `${host}/${repository}:${tag}`;
}

/** The image itself, or of an index linux/amd64, or else the first child that is here. */
function defaultManifest(image: Descriptor, documents: Documents): ImageManifest | undefined {
  const bytes = documents.get(image.digest);
  if (bytes === undefined) return undefined;
  const manifest = parseManifest(bytes, image.mediaType);
  if (manifest.kind === "manifest") return manifest;
  const present = manifest.manifests.filter(
    ({ digest, mediaType: type }) => documents.has(digest) && !isIndexType(type),
  );
  const preferred = selectPlatform(
    { ...manifest, manifests: present },
    { os: "linux", architecture: "amd64" },
  );
  const chosen = preferred ?? present[0];
  return chosen && defaultManifest(chosen, documents);
}
