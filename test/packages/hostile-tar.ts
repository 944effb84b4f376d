/** Tar files built block by block, so that every rule of the format can be broken. */
import { pack } from "tar-stream";
import type { Digest } from "../../src/oci/digest.ts";
import { planBundle } from "../../src/packages/bundle-plan.ts";
import { streamBundle } from "../../src/packages/bundle-writer.ts";
import { encodeTarHeader, paddingOf } from "../../src/packages/tar-header.ts";
import type { SamplePackage } from "./sample-package.ts";

export interface RawEntry {
  readonly name: string;
  readonly body?: Uint8Array | string;
  /** Changes header bytes; the checksum is set again afterwards. */
  readonly header?: (block: Buffer) => void;
  /** When the header shall lie. */
  readonly size?: number;
}

export const tarEnd = Buffer.alloc(1024);

export function rawEntry({ name, body = "", header, size }: RawEntry): Buffer {
  const content = Buffer.from(body);
  const block = encodeTarHeader(name, size ?? content.length);
  header?.(block);
  setChecksum(block);
  return Buffer.concat([block, content, Buffer.alloc(paddingOf(content.length))]);
}

export function setChecksum(block: Buffer): void {
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "ascii");
}

export function rawTar(entries: readonly RawEntry[], end: Uint8Array = tarEnd): Buffer {
  return Buffer.concat([...entries.map(rawEntry), end]);
}

export function blobEntry(digest: Digest, body: Buffer): RawEntry {
  return { name: `blobs/sha256/${digest.slice(7)}`, body };
}

/** The canonical bundle of a sample. */
export async function bundleOf(sample: SamplePackage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const plan = planBundle(sample.root, sample.documents);
  for await (const chunk of streamBundle(plan, (digest) => contentOf(sample, digest))) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export async function* contentOf(
  sample: Pick<SamplePackage, "content">,
  digest: Digest,
): AsyncGenerator<Buffer> {
  const bytes = sample.content.get(digest);
  if (bytes === undefined) throw new Error(`the sample lacks ${digest}`);
  yield bytes;
}

/** The entries of a bundle, to be shuffled and changed. */
export function entriesOf(bundle: Buffer): { name: string; body: Buffer }[] {
  const entries: { name: string; body: Buffer }[] = [];
  for (let at = 0; bundle[at] !== 0; ) {
    const name = bundle.toString("latin1", at, bundle.indexOf(0, at));
    const size = Number.parseInt(bundle.toString("latin1", at + 124, at + 135), 8);
    entries.push({ name, body: bundle.subarray(at + 512, at + 512 + size) });
    at += 512 + size + paddingOf(size);
  }
  return entries;
}

/** What another implementation makes of a PAX record or a long name. */
export async function tarStreamOf(headers: Parameters<ReturnType<typeof pack>["entry"]>[0][]) {
  const archive = pack();
  for (const header of headers) archive.entry(header, "x".repeat(header.size ?? 0));
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

/** In pieces of `size` bytes, as a network might deliver it. */
export async function* chunked(bytes: Buffer, size = 65_536): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
