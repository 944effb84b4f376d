/**
 * One header block of a tar file, POSIX ustar.
 *
 * Written headers hold nothing that differs between two runs: no owner, no time. Read headers are
 * hostile: every field is checked before it is used. Depends on nothing but the error class.
 */
import { BundleInvalid } from "./bundle-error.ts";
import { quote } from "./quote.ts";

export const blockSize = 512;

/** From here on eleven octal digits do not suffice and the size is written in base 256. */
const octalLimit = 8 * 1024 ** 3;

const field = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  link: [157, 100],
  magic: [257, 8],
  prefix: [345, 155],
} as const;

export interface TarHeader {
  readonly name: string;
  /** Bytes of content behind the header. */
  readonly size: number;
  /** The type flag; a regular file is `0`, in old archives NUL, which reads as `0` here. */
  readonly type: string;
  /** Where a link (type `1` or `2`) leads. */
  readonly link?: string;
}

/** Bytes that fill the last block of a content of `size` bytes. */
export function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize;
}

/** What an entry is beside its name; bundles need none of it, layers of images do. */
export interface TarAttributes {
  readonly mode?: number;
  /** User and group. */
  readonly owner?: number;
  /** `0` a file, `2` a symbolic link, `5` a directory. */
  readonly type?: "0" | "2" | "5";
  /** Where a symbolic link leads, at most 100 bytes. */
  readonly link?: string;
}

/** @param name ASCII, at most 100 bytes, or 255 where it can be divided at a `/` */
export function encodeTarHeader(name: string, size: number, more: TarAttributes = {}): Buffer {
  const { mode = 0o644, owner = 0, type = "0", link = "" } = more;
  const block = Buffer.alloc(blockSize);
  writeName(block, name);
  writeOctal(block, field.mode, mode);
  writeOctal(block, field.uid, owner);
  writeOctal(block, field.gid, owner);
  if (size < octalLimit) writeOctal(block, field.size, size);
  else writeBase256(block, field.size, size);
  writeOctal(block, field.mtime, 0);
  block.write(type, 156, "ascii");
  block.write(link, field.link[0], "ascii");
  block.write("ustar\x0000", field.magic[0], "ascii");
  block.write(`${checksum(block).toString(8).padStart(6, "0")}\0 `, field.checksum[0], "ascii");
  return block;
}

/** Whether a block is a header at all: its checksum tells. */
export function isTarHeader(block: Buffer): boolean {
  if (block.byteLength !== blockSize) return false;
  const stated = slice(block, field.checksum).toString("latin1");
  const digits = /^[ 0]*([0-7]{1,6})[ \0]*$/.exec(stated)?.[1];
  return digits !== undefined && Number.parseInt(digits, 8) === checksum(block);
}

/** @throws {BundleInvalid} */
export function parseTarHeader(block: Buffer): TarHeader {
  if (!isTarHeader(block)) throw new BundleInvalid("bundle is damaged: a tar header is broken");
  const name = text(slice(block, field.name));
  const magic = slice(block, field.magic).toString("latin1");
  // Only POSIX headers have a prefix; no name of a bundle needs one.
  if (magic.startsWith("ustar\0") && block[field.prefix[0]] !== 0) {
    throw new BundleInvalid(`bundle holds an unexpected entry: ${quote(name)} has a name prefix`);
  }
  const type = typeOf(block[156] ?? 0);
  const header = { name, size: parseSize(slice(block, field.size), name), type };
  return type === "1" || type === "2"
    ? { ...header, link: text(slice(block, field.link)) }
    : header;
}

function typeOf(flag: number): string {
  return flag === 0 ? "0" : String.fromCharCode(flag);
}

function parseSize(bytes: Buffer, name: string): number {
  const size = (bytes[0] ?? 0) & 0x80 ? parseBase256(bytes) : parseOctal(bytes);
  if (size === undefined) throw new BundleInvalid(`bundle is damaged: size of ${quote(name)}`);
  return size;
}

function parseOctal(bytes: Buffer): number | undefined {
  const digits = /^ *([0-7]+)[ \0]*$/.exec(bytes.toString("latin1"))?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 8);
}

/** GNU's form for large numbers: the first byte is 0x80, the rest a big-endian number. */
function parseBase256(bytes: Buffer): number | undefined {
  if (bytes[0] !== 0x80) return undefined;
  let value = 0;
  for (const byte of bytes.subarray(1)) value = value * 256 + byte;
  return Number.isSafeInteger(value) ? value : undefined;
}

function checksum(block: Buffer): number {
  const [start, length] = field.checksum;
  let sum = length * 0x20;
  for (let at = 0; at < blockSize; at += 1) {
    if (at < start || at >= start + length) sum += block[at] ?? 0;
  }
  return sum;
}

/** Long names go into two fields, the way POSIX divides them. */
function writeName(block: Buffer, name: string): void {
  const [length, prefixLength] = [field.name[1], field.prefix[1]];
  const split = name.length <= length ? -1 : name.indexOf("/", name.length - length - 1);
  const rest = name.slice(split + 1);
  if (rest.length > length || split > prefixLength || (split > 0 && rest === "")) {
    throw new RangeError(`name too long: ${name}`);
  }
  block.write(rest, 0, "ascii");
  if (split > 0) block.write(name.slice(0, split), field.prefix[0], "ascii");
}

function writeOctal(block: Buffer, [start, length]: readonly [number, number], value: number) {
  block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, start, "ascii");
}

function writeBase256(block: Buffer, [start, length]: readonly [number, number], value: number) {
  block[start] = 0x80;
  block.writeBigUInt64BE(BigInt(value), start + length - 8);
}

function slice(block: Buffer, [start, length]: readonly [number, number]): Buffer {
  return block.subarray(start, start + length);
}

/** Up to the first NUL. Latin 1 keeps every byte apart, so no two names look the same to us. */
function text(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.subarray(0, end < 0 ? bytes.byteLength : end).toString("latin1");
}
