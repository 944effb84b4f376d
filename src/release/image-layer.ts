/** One layer of an image: a tree of files as a gzip-compressed tar, written in constant memory. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { Descriptor } from "../oci/descriptor.ts";
import { type Digest, digestSoFar } from "../oci/digest.ts";
import { mediaType } from "../oci/media-type.ts";
import { blockSize, encodeTarHeader, paddingOf } from "../packages/tar-header.ts";
import { modeOf, sizeOf, type TreeEntry } from "./file-tree.ts";

export interface ImageLayer {
  readonly descriptor: Descriptor;
  /** Of the tar inside, as the image's config names it. */
  readonly diffId: Digest;
  /** Where the compressed bytes are. */
  readonly file: string;
  /** For the image's history. */
  readonly title: string;
}

/** @param file is made or replaced */
export async function writeLayer(
  title: string,
  tree: readonly TreeEntry[],
  file: string,
): Promise<ImageLayer> {
  const inside = createHash("sha256");
  const outside = createHash("sha256");
  await pipeline(
    Readable.from(hashed(tarOf(tree), inside)),
    createGzip(),
    (chunks: AsyncIterable<Buffer>) => hashed(chunks, outside),
    createWriteStream(file),
  );
  const { size } = await stat(file);
  return {
    descriptor: {
      mediaType: mediaType.ociLayerGzip,
      digest: digestSoFar("sha256", outside),
      size,
    },
    diffId: digestSoFar("sha256", inside),
    file,
    title,
  };
}

async function* hashed(
  chunks: AsyncIterable<Buffer>,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    hash.update(chunk);
    yield chunk;
  }
}

async function* tarOf(tree: readonly TreeEntry[]): AsyncGenerator<Buffer> {
  for (const entry of tree) {
    const size = await sizeOf(entry);
    yield headerOf(entry, size);
    if (entry.kind === "file") yield* contentOf(entry.source);
    yield Buffer.alloc(paddingOf(size));
  }
  yield Buffer.alloc(2 * blockSize);
}

function headerOf(entry: TreeEntry, size: number): Buffer {
  const { path: name, owner = 0 } = entry;
  const attributes = { mode: modeOf(entry), owner };
  if (entry.kind === "file") return encodeTarHeader(name, size, attributes);
  if (entry.kind === "directory")
    return encodeTarHeader(`${name}/`, 0, { ...attributes, type: "5" });
  return encodeTarHeader(name, 0, { ...attributes, type: "2", link: entry.target });
}

async function* contentOf(source: string | Buffer): AsyncGenerator<Buffer> {
  if (typeof source === "string") yield* createReadStream(source, { highWaterMark: 1024 * 1024 });
  else yield source;
}
