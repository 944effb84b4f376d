/**
 * A `.dcos` file on this machine, looked at before it is sent.
 *
 * Only its size, its first block and its last two are read: enough to recognise the files that
 * people pass by mistake and downloads that stopped. The registry checks everything else.
 */
import { type FileHandle, open } from "node:fs/promises";
import path from "node:path";
import { CliError, FileUnreadable, fileProblem } from "./cli-error.ts";

/** The file is no bundle, or not a whole one. */
export class BundleUnusable extends CliError {
  readonly code = "BUNDLE_INVALID";
}

export interface BundleFile {
  /** Bytes. */
  readonly size: number;
  /**
   * The bytes of the file, in large chunks.
   *
   * @param onProgress told how many bytes have been taken
   * @throws {BundleUnusable} when the file became shorter in the meantime
   */
  read(onProgress: (bytes: number) => void): AsyncGenerator<Uint8Array>;
  close(): Promise<void>;
}

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
    const size = await checkWholeBundle(handle, file);
    return {
      size,
      read: (onProgress) => readAll(handle, file, size, onProgress),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function checkWholeBundle(handle: FileHandle, file: string): Promise<number> {
  const status = await handle.stat();
  if (!status.isFile()) {
    const message = status.isDirectory() ? "is a directory" : "is no regular file";
    throw new FileUnreadable(message, {
      where: file,
      hint: "--dcos-file takes one .dcos file, as dcos-registry build writes it",
    });
  }
  if (status.size === 0) throw new BundleUnusable("the file is empty", { where: file });
  const start = await readBlock(handle, 0, Math.min(status.size, blockBytes));
  const foreign = recognise(start);
  if (foreign !== undefined) {
    const [message, hint] = foreign;
    throw new BundleUnusable(`not a .dcos bundle: ${message}`, { where: file, hint });
  }
  const end = await readBlock(handle, Math.max(0, status.size - 2 * blockBytes), 2 * blockBytes);
  if (status.size % blockBytes !== 0 || end.length < 2 * blockBytes || end.some((byte) => byte)) {
    throw new BundleUnusable("the end of the bundle is missing", {
      where: file,
      hint: "the file was not copied or downloaded completely; compare its size with the original",
    });
  }
  return status.size;
}

type Recognised = readonly [message: string, hint: string];

const build = "build the bundle with: dcos-registry build --build-definition-file FILE";

/** What the first block says about a file that is no tar; undefined when it is one. */
function recognise(start: Buffer): Recognised | undefined {
  if (start.length === blockBytes && start.toString("latin1", 257, 262) === "ustar") {
    return recogniseArchive(start);
  }
  if (start.toString("latin1", 0, 2) === "PK") {
    return ["it is a zip, the experimental format of old CLI versions, which has no assets", build];
  }
  if (start.toString("hex", 0, 2) === "1f8b") {
    return ["it is compressed with gzip", "unpack it first: gunzip FILE"];
  }
  if (start.toString("hex", 0, 4) === "28b52ffd") {
    return ["it is compressed with zstd", "unpack it first: zstd -d FILE"];
  }
  const text = start.toString("latin1").trimStart().toLowerCase();
  if (text.startsWith("<!doctype") || text.startsWith("<html")) {
    return ["it is an HTML page", "the download saved an error page; fetch the file again"];
  }
  if (text.startsWith("{")) return ["it is a JSON document", build];
  return ["it is no tar archive", build];
}

/** A bundle starts with its layout; `docker save` starts with other names. */
function recogniseArchive(start: Buffer): Recognised | undefined {
  const name = start.toString("latin1", 0, 100).replace(/\0.*$/s, "");
  if (/^(?:\.\/)?(?:oci-layout|index\.json|manifest\.json|blobs(?:\/|$))/.test(name)) {
    return undefined;
  }
  if (/^[0-9a-f]{64}(?:\/|\.json$)/.test(name)) {
    return ["it is an image saved by docker save, not a package", build];
  }
  return ["it is a tar archive without an image layout", build];
}

async function readBlock(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

/** Each chunk has its own buffer: the socket still holds the last one when the next is read. */
async function* readAll(
  handle: FileHandle,
  file: string,
  size: number,
  onProgress: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  let position = 0;
  while (position < size) {
    const length = Math.min(chunkBytes, size - position);
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
