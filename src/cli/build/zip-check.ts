/** Whether a file is a zip archive: it begins like one and ends with the directory of one. */
import type { FileHandle } from "node:fs/promises";

const localHeader = Buffer.from("PK\x03\x04", "latin1");
const endRecord = Buffer.from("PK\x05\x06", "latin1");
/** The end record is 22 bytes, and a comment of at most 65,535 may follow it. */
const tailBytes = 22 + 65_535;

export async function isZip(file: FileHandle, size: number): Promise<boolean> {
  const head = await readAt(file, 0, 4);
  if (!head.equals(localHeader)) return false;
  const start = Math.max(0, size - tailBytes);
  return (await readAt(file, start, size - start)).includes(endRecord);
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  return bytes.subarray(0, bytesRead);
}
