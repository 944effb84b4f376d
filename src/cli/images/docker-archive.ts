/**
 * Takes apart what `docker save` writes, in one pass: layers and config go into the cache.
 *
 * Both forms are read, the one with a folder for each layer and the one with blobs. The manifest is
 * made here, Docker schema 2, since the archive has none that its layers still fit.
 */
import path from "node:path";
import { type Descriptor, describeBytes } from "../../oci/descriptor.ts";
import { type ImageManifest, parseManifest } from "../../oci/manifest.ts";
import { mediaType } from "../../oci/media-type.ts";
import { BundleInvalid } from "../../packages/bundle-error.ts";
import { ByteSource } from "../../packages/byte-source.ts";
import { readTar, type TarEntry } from "../../packages/tar-reader.ts";
import { CliError } from "../cli-error.ts";
import type { BlobCache } from "../fetch/blob-cache.ts";
import { HashingFile, type WrittenContent } from "../fetch/hashing-file.ts";

export class ArchiveUnusable extends CliError {
  readonly code = "ARCHIVE_UNUSABLE";
}

const listFile = "manifest.json";
const maxDocumentBytes = 4 * 1024 * 1024;
/** Old forms repeat these beside every layer; nothing refers to them. */
const unused = /(?:^|\/)(?:VERSION|json|repositories|oci-layout|index\.json)$/;

/**
 * @param archive of exactly one image
 * @throws {ArchiveUnusable}
 */
export async function takeDockerArchive(
  archive: AsyncIterable<Uint8Array>,
  cache: BlobCache,
): Promise<ImageManifest> {
  const bytes = new ByteSource(archive);
  const content = new ArchiveContent(cache);
  try {
    for await (const entry of readTar(bytes, async () => new BundleInvalid("not a tar archive"))) {
      await content.accept(entry);
    }
    return await content.manifest();
  } catch (cause) {
    if (!(cause instanceof BundleInvalid)) throw cause;
    throw new ArchiveUnusable(`docker's archive is broken: ${cause.message}`, { cause });
  } finally {
    await bytes.close();
  }
}

class ArchiveContent {
  readonly #cache: BlobCache;
  readonly #files = new Map<string, WrittenContent>();
  /** Layers that occur twice are links in the old form. */
  readonly #links = new Map<string, string>();
  #list: unknown;

  constructor(cache: BlobCache) {
    this.#cache = cache;
  }

  async accept({ name, type, size, link, body }: TarEntry): Promise<void> {
    if (link !== undefined) {
      const target = type === "2" ? path.posix.join(path.posix.dirname(name), link) : link;
      this.#links.set(name, target);
    } else if (type === "0" && name === listFile) {
      this.#list = parseJson(await readAll(body, size));
    } else if (type === "0" && !unused.test(name)) {
      this.#files.set(name, await this.#cache.add((file) => copy(body, new HashingFile(file))));
    }
  }

  async manifest(): Promise<ImageManifest> {
    const { config: configFile, layers: layerFiles } = itemOf(this.#list);
    const config = this.#find(configFile);
    const layers: Descriptor[] = [];
    for (const name of layerFiles) layers.push(await this.#layer(this.#find(name)));
    await this.#checkLayers(config, layers);
    const document = {
      schemaVersion: 2,
      mediaType: mediaType.dockerManifest,
      config: { mediaType: mediaType.dockerConfig, digest: config.digest, size: config.size },
      layers,
    };
    const bytes = Buffer.from(JSON.stringify(document));
    const { mediaType: type } = describeBytes(mediaType.dockerManifest, bytes);
    const manifest = parseManifest(bytes, type);
    if (manifest.kind === "manifest") return manifest;
    throw new ArchiveUnusable("docker's archive has no image");
  }

  #find(name: string): WrittenContent {
    let found = name;
    for (let hops = 0; hops < 8; hops += 1) found = this.#links.get(found) ?? found;
    const content = this.#files.get(found);
    if (content === undefined) throw new ArchiveUnusable(`docker's archive lacks ${name}`);
    return content;
  }

  async #layer({ digest, size }: WrittenContent): Promise<Descriptor> {
    const file = await this.#cache.openFile(digest);
    try {
      const head = Buffer.alloc(4);
      await file.read(head, 0, 4, 0);
      return { mediaType: layerType(head), digest, size };
    } finally {
      await file.close();
    }
  }

  /** A config names its layers uncompressed: some versions of docker wrote archives that do not fit. */
  async #checkLayers(config: WrittenContent, layers: readonly Descriptor[]): Promise<void> {
    if (config.size > maxDocumentBytes)
      throw new ArchiveUnusable("the image's config is too large");
    const text = await readAll(this.#cache.read(config.digest), config.size);
    const rootfs = fieldsOf(fieldsOf(parseJson(text))["rootfs"]);
    const expected = Array.isArray(rootfs["diff_ids"]) ? rootfs["diff_ids"] : [];
    const fits = layers.every(
      ({ digest, mediaType: type }, index) =>
        type !== mediaType.dockerLayer || digest === expected[index],
    );
    if (fits && expected.length === layers.length) return;
    throw new ArchiveUnusable("docker's archive has other layers than its config names");
  }
}

function layerType(head: Buffer): string {
  if (head.readUInt16BE(0) === 0x1f8b) return mediaType.dockerLayerGzip;
  if (head.readUInt32BE(0) === 0x28b52ffd) return mediaType.ociLayerZstd;
  return mediaType.dockerLayer;
}

function itemOf(list: unknown): { config: string; layers: string[] } {
  if (list === undefined) throw new ArchiveUnusable(`docker's archive has no ${listFile}`);
  const items = Array.isArray(list) ? list : [];
  const { Config: config, Layers: layers } = fieldsOf(items[0]);
  const names = Array.isArray(layers) && layers.every((name) => typeof name === "string");
  if (items.length !== 1 || typeof config !== "string" || !names) {
    throw new ArchiveUnusable(`docker's archive has an unusable ${listFile}`);
  }
  return { config, layers };
}

async function copy(body: AsyncIterable<Buffer>, file: HashingFile): Promise<WrittenContent> {
  for await (const chunk of body) await file.append(chunk);
  return file.content();
}

async function readAll(body: AsyncIterable<Buffer>, size: number): Promise<string> {
  if (size > maxDocumentBytes) throw new ArchiveUnusable("docker's archive has a huge document");
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ArchiveUnusable("docker's archive has a broken document", { cause });
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
