/**
 * Documents that may be relied on: whoever reads one must not learn what a power cut takes back.
 *
 * A document is visible from the moment it has its name, durable when the directory is synced. In
 * between another process could answer from it. So a file is made writable and becomes read-only
 * behind the sync: that mark travels with the file and is set only on the very file it speaks of.
 * Who finds a file without the mark syncs the directory himself.
 */
import { closeSync, fchmod, fstatSync, open, read } from "node:fs";
import { chmod } from "node:fs/promises";
import { promisify } from "node:util";

const openFile = promisify(open);
const readSome = promisify(read);
const setMode = promisify(fchmod);

const settledMode = 0o400;
const writable = 0o200;

/**
 * Sets the mark, behind the sync. Where it cannot be set the next reader syncs again: no harm.
 *
 * @param file name or descriptor
 */
export async function markSettled(file: string | number): Promise<void> {
  const marked = typeof file === "string" ? chmod(file, settledMode) : setMode(file, settledMode);
  await marked.catch(() => undefined);
}

/**
 * Reads a document whole.
 *
 * @param sync makes its name durable; called only where that is in doubt
 * @throws what `open` throws, and what `sync` throws: then nothing can be said about the document
 */
export async function readSettled(file: string, sync: () => Promise<void>): Promise<Buffer> {
  const descriptor = await openFile(file, "r");
  try {
    // An open file's facts are in the kernel's memory: no thread has to be asked for them.
    const { size, mode } = fstatSync(descriptor);
    const bytes = await readFully(descriptor, size);
    if ((mode & writable) !== 0) {
      await sync();
      await markSettled(descriptor);
    }
    return bytes;
  } finally {
    closeSync(descriptor);
  }
}

/** Documents never grow or shrink in place; what ends early is damaged, and its parser says so. */
async function readFully(descriptor: number, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(size);
  for (let done = 0; done < size; ) {
    const { bytesRead } = await readSome(descriptor, bytes, done, size - done, done);
    if (bytesRead === 0) return bytes.subarray(0, done);
    done += bytesRead;
  }
  return bytes;
}
