/**
 * A `.dcos` file on this machine, looked at before it is sent.
 *
 * Only its size, its first entry and its last two blocks are read: enough to recognise the files
 * that people pass by mistake and downloads that stopped. The registry checks everything else.
 */
import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { fileProblem } from "../network/file-problem.ts";
import { BundleInvalid } from "../packages/bundle-error.ts";
import { type BundleMap, mapBundle } from "../packages/bundle-map.ts";
import { ByteSource } from "../packages/byte-source.ts";
import { explainForeignEntry, explainForeignFile } from "../packages/foreign-format.ts";
import { readTar } from "../packages/tar-reader.ts";
import { CliError, FileUnreadable } from "./cli-error.ts";

/** The file is no bundle, or not a whole one. */
export class BundleUnusable extends CliError {
  readonly code = "BUNDLE_INVALID";
}

export interface BundleFile {
  /** Bytes. */
  readonly size: number;
  /** Its first block. */
  readonly start: Uint8Array;
  /**
   * The bytes of the file, in large chunks.
   *
   * @param onProgress told how many bytes have been taken
   * @throws {BundleUnusable} when the file became shorter in the meantime
   */
  read(onProgress: (bytes: number) => void): AsyncGenerator<Uint8Array>;
  /** Where its blobs are. @throws {BundleInvalid} */
  map(): Promise<BundleMap>;
  /** @throws {BundleUnusable} when the file became shorter in the meantime */
  readRange(start: number, end: number): AsyncGenerator<Uint8Array>;
  close(): Promise<void>;
}

/** A tar ends with two blocks of zeros. */
const endBytes = 1024;
const blockBytes = 512;
const chunkBytes = 1024 * 1024;

/**
 * @param file as typed; stands so in messages
 * @throws {FileUnreadable} @throws {BundleUnusable}
 */
export async function openBundleFile(file: string, workingDirectory: string): Promise<BundleFile> {
  const handle = await open(path.resolve(workingDirectory, file)).catch((cause) => {
    throw new FileUnreadable(fileProblem(cause), { where: file, cause });
  });
  try {
    const size = await sizeOf(handle, file);
    await checkStart(handle, file, size);
    await checkEnd(handle, file, size);
    const { buffer: start } = await handle.read(Buffer.alloc(blockBytes), 0, blockBytes, 0);
    return {
      size,
      start,
      read: (onProgress) => readRange(handle, file, { start: 0, end: size }, onProgress),
      map: () => mapBundle(handle),
      readRange: (start, end) => readRange(handle, file, { start, end }),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function sizeOf(handle: FileHandle, file: string): Promise<number> {
  const status = await handle.stat();
  if (status.isFile()) return status.size;
  throw new FileUnreadable(status.isDirectory() ? "is a directory" : "is no regular file", {
    where: file,
    hint: "--dcos-file takes one .dcos file, as dcos-registry build writes it",
  });
}

/** The first entry of a bundle is a document or a blob; of what people mistake for one, it is not. */
async function checkStart(handle: FileHandle, file: string, size: number): Promise<void> {
  const bytes = new ByteSource(
    readRange(handle, file, { start: 0, end: Math.min(size, chunkBytes) }),
  );
  try {
    for await (const entry of readTar(bytes, explainForeignFile)) {
      if (entry.type === "0" && bundleName.test(entry.name)) return;
      throw explainForeignEntry(entry, false);
    }
  } catch (error) {
    if (!(error instanceof BundleInvalid)) throw error;
    const { message, hint } = error;
    throw new BundleUnusable(message, { where: file, hint, cause: error });
  }
}

const bundleName = /^(?:oci-layout|index\.json|manifest\.json|blobs\/sha256\/[0-9a-f]+)$/;

async function checkEnd(handle: FileHandle, file: string, size: number): Promise<void> {
  const end = Buffer.alloc(endBytes);
  const { bytesRead } = await handle.read(end, 0, endBytes, Math.max(0, size - endBytes));
  if (bytesRead === endBytes && size % blockBytes === 0 && end.every((byte) => byte === 0)) return;
  throw new BundleUnusable(`bundle is truncated: it ends after ${size} bytes`, {
    where: file,
    hint: "copy or download the file again, and compare its size with the original",
  });
}

/** Each chunk has its own buffer: the socket still holds the last one when the next is read. */
async function* readRange(
  handle: FileHandle,
  file: string,
  { start, end }: { readonly start: number; readonly end: number },
  onProgress: (bytes: number) => void = () => {},
): AsyncGenerator<Uint8Array> {
  let position = start;
  while (position < end) {
    const length = Math.min(chunkBytes, end - position);
    const { buffer, bytesRead } = await handle.read(
      Buffer.allocUnsafe(length),
      0,
      length,
      position,
    );
    if (bytesRead === 0) {
      throw new BundleUnusable("the file became shorter while it was sent", { where: file });
    }
    yield buffer.subarray(0, bytesRead);
    position += bytesRead;
    onProgress(position);
  }
}
