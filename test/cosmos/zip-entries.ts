/** Names and Unix modes in a zip archive, from its central directory. */

export interface ZipEntry {
  readonly name: string;
  readonly mode: number;
}

const endSignature = Buffer.from("PK\x05\x06", "latin1");
const entrySignature = 0x02014b50;
const fixedLength = 46;

/** @returns none when there is no central directory */
export function zipEntries(archive: Buffer): ZipEntry[] {
  const end = archive.lastIndexOf(endSignature);
  if (end < 0) return [];
  const count = archive.readUInt16LE(end + 10);
  const entries: ZipEntry[] = [];
  let at = archive.readUInt32LE(end + 16);
  while (entries.length < count && at + fixedLength <= end) {
    if (archive.readUInt32LE(at) !== entrySignature) break;
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) =>
      archive.readUInt16LE(at + offset),
    ) as [number, number, number];
    const name = archive.toString("utf8", at + fixedLength, at + fixedLength + nameLength);
    entries.push({ name, mode: archive.readUInt32LE(at + 38) >>> 16 });
    at += fixedLength + nameLength + extraLength + commentLength;
  }
  return entries;
}
