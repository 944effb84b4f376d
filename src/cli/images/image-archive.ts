/**
 * Images of OCI archives on this machine (`--image-archive`): an image layout in a tar, as skopeo, podman,
 * buildah and `npm run image` write it, or another bundle.
 *
 * Images are kept byte for byte, so digests hold. An archive is read once, when the first image is looked for.
 */

import { createReadStream } from "node:fs";
import path from "node:path";
import { fileProblem } from "../../network/file-problem.ts";
import { annotation, type Descriptor, type Platform } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import {
  type ImageIndex,
  type ImageManifest,
  type Manifest,
  parseManifest,
} from "../../oci/manifest.ts";
import { mediaType } from "../../oci/media-type.ts";
import {
  formatImageReference,
  parseImageReference,
  ReferenceInvalid,
} from "../../oci/reference.ts";
import { RegistryError } from "../../oci/registry-error.ts";
import { BundleInvalid } from "../../packages/bundle-error.ts";
import { indexFile, parseBlobFile } from "../../packages/bundle-layout.ts";
import { ByteSource } from "../../packages/byte-source.ts";
import { readTar, type TarEntry } from "../../packages/tar-reader.ts";
import { CliError, FileUnreadable } from "../cli-error.ts";
import type { BlobCache } from "../fetch/blob-cache.ts";
import { HashingFile } from "../fetch/hashing-file.ts";
import type { FindImage, RemoteImage } from "./image-source.ts";
import { ImageUnavailable } from "./image-unavailable.ts";
import { findPlatform, formatPlatform, listPlatforms } from "./platform.ts";

/** The file is no OCI archive, or a broken one. */
export class ImageArchiveUnusable extends CliError {
  readonly code = "ARCHIVE_UNUSABLE";
}

export interface ImageArchiveOptions {
  readonly cache: BlobCache;
  readonly platform: Platform;
  readonly workingDirectory: string;
}

const maxDocumentBytes = 4 * 1024 * 1024;

export class ImageArchives {
  readonly #files: readonly string[];
  readonly #options: ImageArchiveOptions;
  #images: Promise<ReadonlyMap<string, ArchivedImage>> | undefined;

  /** @param files as typed; of two that hold one name, the first counts */
  constructor(files: readonly string[], options: ImageArchiveOptions) {
    this.#files = files;
    this.#options = options;
  }

  /** Looks here first, then where `elsewhere` looks. */
  before(elsewhere: FindImage): FindImage {
    if (this.#files.length === 0) return elsewhere;
    return async (text) => (await this.find(text)) ?? elsewhere(text);
  }

  /**
   * @returns undefined when no archive names the image; its content is in the cache then
   * @throws {ImageArchiveUnusable} @throws {FileUnreadable} @throws {ImageUnavailable}
   */
  async find(text: string): Promise<RemoteImage | undefined> {
    this.#images ??= this.#readAll();
    const reference = formatImageReference(parseImageReference(text));
    const found = (await this.#images).get(reference);
    return found && this.#take(text, reference, found);
  }

  async #readAll(): Promise<ReadonlyMap<string, ArchivedImage>> {
    const images = new Map<string, ArchivedImage>();
    for (const file of this.#files) {
      const index = await this.#read(file);
      for (const descriptor of index.manifests) {
        const name = nameOf(descriptor);
        if (name !== undefined && !images.has(name)) images.set(name, { file, descriptor });
      }
    }
    return images;
  }

  async #read(file: string): Promise<ImageIndex> {
    const { workingDirectory, cache } = this.#options;
    const bytes = new ByteSource(createReadStream(path.resolve(workingDirectory, file)));
    try {
      return await readLayout(bytes, cache);
    } catch (cause) {
      if (cause instanceof BundleInvalid || cause instanceof RegistryError) {
        const hint = "skopeo copy docker://IMAGE oci-archive:FILE:IMAGE makes one";
        throw new ImageArchiveUnusable(`not an OCI archive: ${cause.message}`, {
          where: file,
          hint,
          cause,
        });
      }
      const isSystem = cause instanceof Error && "syscall" in cause;
      throw isSystem ? new FileUnreadable(fileProblem(cause), { where: file, cause }) : cause;
    } finally {
      await bytes.close();
    }
  }

  async #take(
    text: string,
    reference: string,
    { file, descriptor }: ArchivedImage,
  ): Promise<RemoteImage> {
    const top = await this.#manifest(text, file, descriptor);
    const manifest = await this.#ofPlatform(text, file, top);
    const blobs = [
      ...new Map([manifest.config, ...manifest.layers].map((one) => [one.digest, one])).values(),
    ];
    return {
      reference,
      apiHost: file,
      descriptor: {
        mediaType: descriptor.mediaType,
        digest: descriptor.digest,
        size: top.bytes.byteLength,
      },
      documents: new Map<Digest, Buffer>([
        [top.digest, top.bytes],
        [manifest.digest, manifest.bytes],
      ]),
      manifest,
      blobs,
      open: ({ digest }) => {
        throw new ImageUnavailable(text, `${file} lacks its blob ${digest}`);
      },
    };
  }

  async #ofPlatform(text: string, file: string, manifest: Manifest): Promise<ImageManifest> {
    if (manifest.kind === "manifest") return manifest;
    const { platform } = this.#options;
    const child = findPlatform(manifest, platform);
    const found = child && (await this.#manifest(text, file, child));
    if (found?.kind === "manifest") return found;
    const available = listPlatforms(manifest).join(", ") || "nothing that can run";
    const hint = `the list has ${available}`;
    throw new ImageUnavailable(text, `no ${formatPlatform(platform)} image in ${file}`, { hint });
  }

  async #manifest(text: string, file: string, descriptor: Descriptor): Promise<Manifest> {
    const { digest, size, mediaType: type } = descriptor;
    if (size > maxDocumentBytes || !(await this.#options.cache.has(digest, size))) {
      throw new ImageUnavailable(text, `${file} lacks its manifest ${digest}`);
    }
    return parseManifest(await collect(this.#options.cache.read(digest)), type);
  }
}

interface ArchivedImage {
  readonly file: string;
  readonly descriptor: Descriptor;
}

/** One pass: blobs go into the cache, the index is what comes back. */
async function readLayout(bytes: ByteSource, cache: BlobCache): Promise<ImageIndex> {
  let index: Buffer | undefined;
  for await (const entry of readTar(bytes, async () => new BundleInvalid("it is no tar file"))) {
    const digest = entry.type === "0" ? parseBlobFile(entry.name.replace(/^\.\//, "")) : undefined;
    if (digest !== undefined) await takeBlob(digest, entry, cache);
    else if (entry.name.replace(/^\.\//, "") === indexFile) index = await smallFile(entry);
  }
  if (index === undefined) throw new BundleInvalid(`it has no ${indexFile}`);
  const parsed = parseManifest(index, mediaType.ociIndex);
  if (parsed.kind === "index") return parsed;
  throw new BundleInvalid(`${indexFile} is no image index`);
}

async function takeBlob(digest: Digest, { size, body }: TarEntry, cache: BlobCache): Promise<void> {
  await cache.add(
    async (handle) => {
      const file = new HashingFile(handle);
      for await (const chunk of body) await file.append(chunk);
      return file.content();
    },
    { digest, size },
  );
}

async function smallFile({ name, size, body }: TarEntry): Promise<Buffer> {
  if (size > maxDocumentBytes) throw new BundleInvalid(`its ${name} is too large`);
  return collect(body);
}

async function collect(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Tools write the full reference, or one that docker would complete. A tag alone names nothing. */
function nameOf({ annotations = {} }: Descriptor): string | undefined {
  const name = annotations[annotation.containerdImageName] ?? annotations[annotation.refName];
  if (name === undefined || !/[/:]/.test(name)) return undefined;
  try {
    return formatImageReference(parseImageReference(name));
  } catch (error) {
    if (error instanceof ReferenceInvalid) return undefined;
    throw error;
  }
}
