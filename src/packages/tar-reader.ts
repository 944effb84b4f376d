/**
 * Reads a tar file in one pass, strictly: what two tools could read in two ways is refused.
 *
 * Content is handed on as views of the chunks that came in, never copied, so the speed is that of
 * the source; the next entry is looked at only when the last was read or skipped (back-pressure).
 */
import { BundleInvalid } from "./bundle-error.ts";
import type { ByteSource } from "./byte-source.ts";
import { quote } from "./quote.ts";
import { blockSize, isTarHeader, paddingOf, parseTarHeader, type TarHeader } from "./tar-header.ts";

export interface TarEntry extends TarHeader {
  /** Where the content begins in the archive, in bytes. */
  readonly offset: number;
  /** To be iterated at most once; a chunk is valid until the next is asked for. */
  readonly body: AsyncIterable<Buffer>;
}

/** Tools pad the end with zeros to their own block size, 10 KiB with most. */
const maxTrailingZeros = 1024 * 1024;
const maxPaxBytes = 64 * 1024;
const zeroBlock = Buffer.alloc(blockSize);

/**
 * @param foreign says what the source is when its first block is no tar header
 * @throws {BundleInvalid} when the archive is broken, cut off, or extended in a way nobody needs
 */
export async function* readTar(
  bytes: ByteSource,
  foreign: (head: Buffer, more: ByteSource) => Promise<BundleInvalid>,
): AsyncGenerator<TarEntry> {
  for (let first = true; ; first = false) {
    const block = await bytes.take(blockSize);
    if (first && !isTarHeader(block)) throw await foreign(block, bytes);
    if (block.byteLength < blockSize) throw bytes.truncated();
    if (block.equals(zeroBlock)) return await expectEnd(bytes);
    const header = await withExtensions(parseTarHeader(block), bytes);
    const content = bytes.section(header.size);
    yield { ...header, offset: bytes.position, body: content };
    await content.skip();
    await bytes.skip(paddingOf(header.size));
  }
}

/** An extended header may state the size (large files of other tools); nothing else matters here. */
async function withExtensions(header: TarHeader, bytes: ByteSource): Promise<TarHeader> {
  if (header.type !== "x") return header;
  if (header.size > maxPaxBytes) throw new BundleInvalid("bundle holds an oversized tar extension");
  const size = parsePaxSize(await bytes.take(header.size));
  await bytes.skip(paddingOf(header.size));
  const block = await bytes.take(blockSize);
  if (block.byteLength < blockSize) throw bytes.truncated();
  const next = parseTarHeader(block);
  if (next.type === "x") throw new BundleInvalid("bundle holds two tar extensions in a row");
  return size === undefined ? next : { ...next, size };
}

/** Keys that change neither name nor content. */
const harmlessKey = /^(?:[acm]time|uid|gid|uname|gname|comment|LIBARCHIVE\.\w+|SCHILY\.[\w.]+)$/;

function parsePaxSize(records: Buffer): number | undefined {
  let size: number | undefined;
  for (let at = 0; at < records.byteLength; ) {
    const { key, value, end } = parsePaxRecord(records, at);
    if (key === "size") {
      if (size !== undefined || !/^\d{1,16}$/.test(value)) throw paxInvalid();
      size = Number(value);
      if (!Number.isSafeInteger(size)) throw paxInvalid();
    } else if (!harmlessKey.test(key)) {
      throw new BundleInvalid(`bundle holds an unexpected tar extension: ${quote(key)}`);
    }
    at = end;
  }
  return size;
}

/** `<length> <key>=<value>\n`, the length counting itself. */
function parsePaxRecord(records: Buffer, at: number) {
  const digits = /^(\d{1,6}) /.exec(records.toString("latin1", at, at + 8))?.[1] ?? "";
  const end = at + Number(digits);
  const record = records.toString("latin1", at + digits.length + 1, end - 1);
  const equals = record.indexOf("=");
  if (digits === "" || end > records.byteLength || records[end - 1] !== 0x0a || equals < 1) {
    throw paxInvalid();
  }
  return { key: record.slice(0, equals), value: record.slice(equals + 1), end };
}

function paxInvalid(): BundleInvalid {
  return new BundleInvalid("bundle is damaged: a tar extension is malformed");
}

/** Behind the first block of zeros: a second one, then zeros only. */
async function expectEnd(bytes: ByteSource): Promise<void> {
  const second = await bytes.take(blockSize);
  if (second.byteLength < blockSize) throw bytes.truncated();
  if (!second.equals(zeroBlock)) throw trailing();
  for (let zeros = 0; zeros <= maxTrailingZeros; ) {
    const block = await bytes.take(blockSize);
    if (block.byteLength === 0) return;
    if (!block.equals(zeroBlock.subarray(0, block.byteLength))) throw trailing();
    zeros += block.byteLength;
  }
  throw trailing();
}

function trailing(): BundleInvalid {
  return new BundleInvalid("bundle is damaged: bytes follow behind its end");
}
