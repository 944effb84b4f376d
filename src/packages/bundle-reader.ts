/**
 * Reads a `.dcos` bundle: a tar that is an OCI image layout.
 *
 * Works in one pass and in constant memory (besides one small record per entry), so a bundle may be
 * larger than RAM and disk. Every entry is hostile; the order of entries is not trusted.
 */
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, hexOf } from "../oci/digest.ts";
import { type ImageIndex, parseManifest } from "../oci/manifest.ts";
import { mediaType } from "../oci/media-type.ts";
import { DigestMismatch, ManifestInvalid, SizeMismatch } from "../oci/registry-error.ts";
import { BundleInvalid } from "./bundle-error.ts";
import {
  dockerFile,
  indexFile,
  layoutFile,
  layoutVersion,
  parseBlobFile,
} from "./bundle-layout.ts";
import { ByteSource } from "./byte-source.ts";
import { explainForeignEntry, explainForeignFile, explainForeignLayout } from "./foreign-format.ts";
import { quote } from "./quote.ts";
import { readTar, type TarEntry } from "./tar-reader.ts";

/** Where blobs go. */
export interface BundleSink {
  /**
   * Takes one blob; the next comes when the promise settles.
   *
   * @param size bytes that `body` has, or it throws
   * @param body a chunk is valid until the next is asked for; what is not read is skipped unverified
   * @param offset where the content begins in the file, in bytes
   * @throws {DigestMismatch} when the content is not what the digest says
   */
  blob(digest: Digest, size: number, body: AsyncIterable<Buffer>, offset: number): Promise<void>;
}

export interface BundleReaderOptions {
  /** Default one million. */
  readonly maxEntries?: number;
  /** For `index.json`, `manifest.json` and `oci-layout`, in bytes; default 4 MiB. */
  readonly maxDocumentBytes?: number;
  /** Checked between entries; what the sink waits for is the sink's to abort. */
  readonly signal?: AbortSignal;
}

export interface BundleIndex {
  /** `index.json`, parsed. */
  readonly index: ImageIndex;
  /** The entry of the one package root in it; its blob was in the bundle, with this size. */
  readonly root: Descriptor;
}

/**
 * Closes `source` in every case. An HTTP request that must still be answered after a failure goes in
 * as `request.iterator({ destroyOnReturn: false })`.
 *
 * @throws {BundleInvalid} when the file is no bundle or breaks a rule of the format
 * @throws what `source` and `sink` fail with
 */
export async function readBundle(
  source: AsyncIterable<Uint8Array>,
  sink: BundleSink,
  options: BundleReaderOptions = {},
): Promise<BundleIndex> {
  const bytes = new ByteSource(source);
  const content = new BundleContent(sink, options);
  try {
    for await (const entry of readTar(bytes, explainForeignFile)) {
      options.signal?.throwIfAborted();
      await content.accept(entry);
    }
  } finally {
    await bytes.close();
  }
  return content.finish();
}

/** What is known of a bundle while it passes by. */
class BundleContent {
  readonly #sink: BundleSink;
  readonly #maxEntries: number;
  readonly #maxDocumentBytes: number;
  readonly #documents = new Map<string, Buffer>();
  /** Size of each blob seen, by the raw bytes of its digest as Latin 1: half the memory of hex. */
  readonly #blobs = new Map<string, number>();

  constructor(sink: BundleSink, options: BundleReaderOptions) {
    this.#sink = sink;
    this.#maxEntries = options.maxEntries ?? 1_000_000;
    this.#maxDocumentBytes = options.maxDocumentBytes ?? 4 * 1024 * 1024;
  }

  async accept(entry: TarEntry): Promise<void> {
    const digest = entry.type === "0" ? parseBlobFile(entry.name) : undefined;
    if (this.#documents.size + this.#blobs.size >= this.#maxEntries) {
      throw new BundleInvalid(`bundle holds more than ${this.#maxEntries} entries`);
    }
    if (digest !== undefined) await this.#acceptBlob(digest, entry);
    else if (entry.type === "0" && isDocument(entry.name)) await this.#acceptDocument(entry);
    else throw explainForeignEntry(entry, this.#documents.has(layoutFile));
  }

  async #acceptBlob(digest: Digest, { name, size, body, offset }: TarEntry): Promise<void> {
    const key = keyOf(digest);
    if (this.#blobs.has(key)) throw appearsTwice(name);
    this.#blobs.set(key, size);
    try {
      await this.#sink.blob(digest, size, body, offset);
    } catch (cause) {
      const lied = cause instanceof DigestMismatch || cause instanceof SizeMismatch;
      if (!lied) throw cause;
      throw new BundleInvalid(`bundle is damaged: ${name}: ${cause.message}`, { cause });
    }
  }

  async #acceptDocument({ name, size, body }: TarEntry): Promise<void> {
    if (this.#documents.has(name)) throw appearsTwice(name);
    if (size > this.#maxDocumentBytes) {
      throw new BundleInvalid(`${name} is larger than ${this.#maxDocumentBytes} bytes`);
    }
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(Buffer.from(chunk));
    this.#documents.set(name, Buffer.concat(chunks));
  }

  finish(): BundleIndex {
    const document = this.#documents.get(indexFile);
    if (document === undefined) throw explainForeignLayout([...this.#documents.keys()]);
    this.#checkLayout();
    const index = parseIndex(document);
    const roots = index.manifests.filter(
      ({ artifactType }) => artifactType === mediaType.dcosPackage,
    );
    const [root] = roots;
    if (root === undefined) throw explainForeignLayout([...this.#documents.keys()]);
    if (roots.length > 1) throw new BundleInvalid("bundle holds more than one package");
    for (const descriptor of index.manifests) this.#checkSize(descriptor);
    if (!this.#blobs.has(keyOf(root.digest))) {
      throw new BundleInvalid(`bundle lacks its package root ${root.digest}`);
    }
    return { index, root };
  }

  #checkLayout(): void {
    const version = parseObject(this.#documents.get(layoutFile), layoutFile)["imageLayoutVersion"];
    if (version === layoutVersion) return;
    throw new BundleInvalid(`${layoutFile} must say imageLayoutVersion "${layoutVersion}"`);
  }

  /** Entries may be absent here (a registry may have them), but not of another size. */
  #checkSize({ digest, size }: Descriptor): void {
    const actual = this.#blobs.get(keyOf(digest));
    if (actual !== undefined && actual !== size) {
      throw new BundleInvalid(`${indexFile} says that ${digest} has ${size} bytes, not ${actual}`);
    }
  }
}

function isDocument(name: string): boolean {
  return name === layoutFile || name === indexFile || name === dockerFile;
}

function keyOf(digest: Digest): string {
  return Buffer.from(hexOf(digest), "hex").toString("latin1");
}

function appearsTwice(name: string): BundleInvalid {
  return new BundleInvalid(`bundle is damaged: entry ${quote(name)} appears twice`);
}

function parseIndex(bytes: Buffer): ImageIndex {
  try {
    const manifest = parseManifest(bytes, mediaType.ociIndex);
    if (manifest.kind === "index") return manifest;
  } catch (cause) {
    if (!(cause instanceof ManifestInvalid)) throw cause;
    throw new BundleInvalid(`${indexFile} is broken: ${cause.message}`, { cause });
  }
  throw new BundleInvalid(`${indexFile} is no image index`);
}

function parseObject(bytes: Buffer | undefined, name: string): Record<string, unknown> {
  if (bytes === undefined) throw new BundleInvalid(`not a .dcos bundle (no ${name})`);
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new BundleInvalid(`${name} is not valid JSON`, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new BundleInvalid(`${name} is not a JSON object`);
  }
  return value as Record<string, unknown>;
}
