/**
 * Reads a package back from its root index and checks that it is whole and consistent.
 *
 * What this lets through may be published: every file and image that the definition names is pinned
 * by the root, nothing else is, and no name can mean two things. Bytes come from the caller.
 */
import { annotation, type Descriptor, emptyDescriptor } from "../oci/descriptor.ts";
import { algorithmOf, type Digest, digestOf } from "../oci/digest.ts";
import { type ImageIndex, type ImageManifest, parseManifest } from "../oci/manifest.ts";
import { isManifestType, mediaType } from "../oci/media-type.ts";
import { formatImageReference, parseImageReference } from "../oci/reference.ts";
import { BlobUnknown, ManifestUnknown, RegistryError } from "../oci/registry-error.ts";
import { isSafeFileName, parseAssetPath } from "./asset-file.ts";
import { BundleInvalid } from "./bundle-error.ts";
import { type FileReference, fileReferences, imageReferences } from "./definition-files.ts";
import type { PackageAsset, PackageContent, PackageImage } from "./package-content.ts";
import type { PackageDefinition } from "./package-definition.ts";
import { metadataTitle } from "./package-root.ts";
import { parseMetadata } from "./parse-metadata.ts";
import { quote } from "./quote.ts";

/** Root index, metadata manifest and `metadata.json` may have this many bytes each. */
export const maxDocumentBytes = 4 * 1024 * 1024;

/**
 * @param size bytes that the content has; for the root index, whose size nobody states, the most it
 *             may have. The function may reject when the content is longer.
 */
export type ReadContent = (digest: Digest, size: number) => Promise<Buffer>;

/**
 * Does not read images and assets: that they are present, and as long as their descriptors say, is
 * for the caller to check. An asset string that is no path inside the package is a kept URL
 * (`build --keep-url`): empty, or an http(s) URL.
 *
 * @throws {BundleInvalid} when documents contradict each other or are not those of a package
 * @throws {PackageInvalid} when the definition itself breaks a rule
 * @throws what `read` rejects with, when that is not about missing content
 */
export async function readPackageContent(root: Digest, read: ReadContent): Promise<PackageContent> {
  const index = parseRoot(await readVerified(root, maxDocumentBytes, read));
  const [first, ...others] = index.manifests;
  if (first === undefined) throw new BundleInvalid("the package root index is empty");
  const manifest = parseMetadataManifest(await readDescribed(first, read), first);
  const { document, assets } = splitLayers(manifest);
  const definition = parseMetadata(await readDescribed(document, read));
  const images = others.map(parseImage);
  checkFiles(definition, assets);
  checkImages(definition, images);
  return { root, metadata: first.digest, definition, assets, images };
}

async function readVerified(digest: Digest, size: number, read: ReadContent): Promise<Buffer> {
  const bytes = await read(digest, size);
  if (digestOf(bytes, algorithmOf(digest)) !== digest) {
    throw new BundleInvalid(`the package is damaged: ${digest} has other content`);
  }
  if (bytes.byteLength > size) throw new BundleInvalid(`${digest} is longer than ${size} bytes`);
  return bytes;
}

async function readDescribed({ digest, size }: Descriptor, read: ReadContent): Promise<Buffer> {
  if (size > maxDocumentBytes) {
    throw new BundleInvalid(`${digest} is longer than ${maxDocumentBytes} bytes`);
  }
  const bytes = await readVerified(digest, size, read).catch((cause) => {
    const missing = cause instanceof BlobUnknown || cause instanceof ManifestUnknown;
    throw missing ? new BundleInvalid(`the package is incomplete: ${digest}`, { cause }) : cause;
  });
  if (bytes.byteLength !== size) {
    throw new BundleInvalid(`${digest} has ${bytes.byteLength} bytes, not ${size}`);
  }
  return bytes;
}

function parseRoot(bytes: Buffer): ImageIndex {
  const index = parse(bytes, mediaType.ociIndex);
  if (index.kind !== "index" || index.artifactType !== mediaType.dcosPackage) {
    throw new BundleInvalid(`not a package: its artifactType is not ${mediaType.dcosPackage}`);
  }
  if (index.subject) throw new BundleInvalid("a package root index has no subject");
  return index;
}

function parseMetadataManifest(bytes: Buffer, descriptor: Descriptor): ImageManifest {
  const manifest = parse(bytes, descriptor.mediaType);
  if (manifest.kind !== "manifest" || manifest.artifactType !== mediaType.dcosPackageMetadata) {
    throw new BundleInvalid("the package root index does not begin with the metadata manifest");
  }
  const { config } = manifest;
  if (config.digest !== emptyDescriptor.digest || config.mediaType !== mediaType.ociEmpty) {
    throw new BundleInvalid("the metadata manifest must have the empty config");
  }
  return manifest;
}

function parse(bytes: Buffer, type: string) {
  try {
    return parseManifest(bytes, type);
  } catch (cause) {
    if (!(cause instanceof RegistryError)) throw cause;
    throw new BundleInvalid(`the package is damaged: ${cause.message}`, { cause });
  }
}

function splitLayers({ layers }: ImageManifest): { document: Descriptor; assets: PackageAsset[] } {
  const titled = layers.map((layer) => ({ layer, title: layer.annotations?.[annotation.title] }));
  const titles = new Set(titled.map(({ title }) => title));
  if (titles.size !== layers.length)
    throw new BundleInvalid("two files of the package share a name");
  const documents = titled.filter(({ title }) => title === metadataTitle);
  const [document] = documents;
  if (document === undefined) throw new BundleInvalid(`the package has no ${metadataTitle}`);
  const assets = titled.filter((entry) => entry !== document);
  return {
    document: document.layer,
    assets: assets.map(({ layer, title }) => parseAsset(layer, title)),
  };
}

function parseAsset({ digest, size, mediaType: type }: Descriptor, title = ""): PackageAsset {
  const path = parseAssetPath(title);
  if (path?.digest !== digest || !isSafeFileName(path.fileName, { escapes: true })) {
    throw new BundleInvalid(`the package holds a file with a bad name: ${quote(title)}`);
  }
  if (size === 0) throw new BundleInvalid(`the package holds an empty file: ${quote(title)}`);
  return { digest, size, path: title, mediaType: type };
}

function parseImage(descriptor: Descriptor): PackageImage {
  const text = descriptor.annotations?.[annotation.dcosImageReference] ?? "";
  const reference = normalize(text);
  if (reference !== text) throw new BundleInvalid(`image ${quote(text)} has no full reference`);
  if (!isManifestType(descriptor.mediaType)) {
    throw new BundleInvalid(`image ${text} is neither a manifest nor an index`);
  }
  const { digest } = parseImageReference(reference);
  if (digest !== undefined && digest !== descriptor.digest) {
    throw new BundleInvalid(`image ${text} is pinned to ${descriptor.digest}`);
  }
  return { reference, descriptor };
}

function normalize(text: string): string {
  try {
    return formatImageReference(parseImageReference(text));
  } catch (cause) {
    throw new BundleInvalid(`the package names a bad image: ${quote(text)}`, { cause });
  }
}

function checkFiles(definition: PackageDefinition, assets: readonly PackageAsset[]): void {
  const unnamed = new Set(assets.map(({ path }) => path));
  const paths = new Set(unnamed);
  for (const reference of fileReferences(definition)) {
    const { url, pointer } = reference;
    if (paths.has(url)) checkNamed(reference);
    else if (reference.kind !== "asset" || !isKeptUrl(url)) {
      throw new BundleInvalid(`the package lacks the file ${quote(url)} of ${pointer}`);
    }
    unnamed.delete(url);
  }
  for (const path of unnamed) {
    throw new BundleInvalid(`the package holds a file that its definition does not name: ${path}`);
  }
}

function checkNamed({ kind, url, pointer, binary }: FileReference): void {
  const path = parseAssetPath(url);
  if (!isSafeFileName(path?.fileName ?? "", { escapes: kind === "asset" })) {
    throw new BundleInvalid(`the file name of ${pointer} is not allowed: ${quote(url)}`);
  }
  const wrong = binary?.contentHash.find(({ value }) => `sha256:${value}` !== path?.digest);
  if (wrong) throw new BundleInvalid(`the contentHash beside ${pointer} is not that of its file`);
}

/** A string that stays as it is (`--keep-url`), because it names no file. */
export function isKeptUrl(text: string): boolean {
  if (text === "") return true;
  if (!/^https?:\/\/[!-~]+$/.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === "" && password === "";
}

function checkImages(definition: PackageDefinition, images: readonly PackageImage[]): void {
  const bundled = new Set(images.map(({ reference }) => reference));
  if (bundled.size !== images.length)
    throw new BundleInvalid("an image stands twice in the package");
  const named = new Set(imageReferences(definition).map(normalize));
  for (const reference of named) {
    if (!bundled.has(reference))
      throw new BundleInvalid(`the package lacks the image ${reference}`);
  }
  for (const reference of bundled) {
    if (!named.has(reference)) {
      throw new BundleInvalid(
        `the package holds an image that its definition does not name: ${reference}`,
      );
    }
  }
}
