/**
 * Reads the small files a definition consists of, with findings instead of exceptions.
 *
 * Only regular files of bounded size: a directory, a pipe or a huge file named by mistake is refused
 * before anything is read.
 */
import type { Stats } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { maxDocumentSize } from "./json-document.ts";

/**
 * @param file absolute
 * @returns the bytes, or in words why there are none (`no such file`)
 */
export async function readDefinitionFile(file: string): Promise<Buffer | string> {
  let handle: FileHandle | undefined;
  try {
    // Looked at before opening: opening a pipe would wait for its other end.
    const refusal = refuse(await stat(file));
    if (refusal) return refusal;
    handle = await open(file);
    const bytes = Buffer.alloc(maxDocumentSize + 1);
    const length = await fill(handle, bytes);
    return length > maxDocumentSize ? tooLarge : Buffer.from(bytes.subarray(0, length));
  } catch (error) {
    return explainFileError(error);
  } finally {
    await handle?.close();
  }
}

/** What a system error about a file means to its owner; anything else is thrown on. */
export function explainFileError(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR") return "no such file";
  if (code === "EACCES" || code === "EPERM") return "permission denied";
  if (code === "ELOOP") return "too many symbolic links";
  if (code === "ENAMETOOLONG") return "the name is too long";
  if (code === "ERR_INVALID_ARG_VALUE") return "the name holds a null character";
  throw error;
}

const tooLarge = `larger than ${maxDocumentSize / 1024 / 1024} MiB`;

function refuse(found: Stats): string | undefined {
  if (found.isDirectory()) return "a directory, not a file";
  if (!found.isFile()) return "not a regular file";
  return found.size > maxDocumentSize ? tooLarge : undefined;
}

async function fill(handle: FileHandle, bytes: Buffer): Promise<number> {
  let length = 0;
  while (length < bytes.byteLength) {
    const { bytesRead } = await handle.read(bytes, length, bytes.byteLength - length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}
