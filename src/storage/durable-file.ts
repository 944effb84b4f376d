/**
 * Putting files on disk so that they survive a power cut: the content first, then the name.
 *
 * A resolved write only means "handed to the kernel". Before anything is acknowledged the file and
 * every directory that gained a name are synced.
 */
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, rm } from "node:fs/promises";
import path from "node:path";

const rememberedDirectories = 10_000;

/** Knows which directories exist durably, so that each is made and synced once per process. */
export class DurableDirectories {
  readonly #known = new Set<string>();

  async ensure(directory: string): Promise<void> {
    if (this.#known.has(directory)) return;
    await mkdir(directory, { recursive: true });
    // Also when it was there already: another process may have made it and not synced it yet.
    for (let at = directory; !this.#known.has(at); at = path.dirname(at)) {
      await syncDirectory(path.dirname(at));
      if (this.#known.size >= rememberedDirectories) this.#known.clear();
      this.#known.add(at);
      if (path.dirname(at) === at) break;
    }
  }

  /** Directories above the root of a store are none of our business. */
  assume(directory: string): void {
    for (let at = directory; !this.#known.has(at); at = path.dirname(at)) {
      this.#known.add(at);
      if (path.dirname(at) === at) break;
    }
  }
}

export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export interface StagedFile {
  readonly path: string;
  readonly handle: FileHandle;
}

/** A new file with a name of its own; the caller renames, links or removes it. */
export async function createStaged(directory: string): Promise<StagedFile> {
  const file = path.join(directory, randomBytes(12).toString("hex"));
  return { path: file, handle: await open(file, "wx", 0o600) };
}

/** Writes a small file whole and syncs it. On failure nothing is left. */
export async function writeStaged(directory: string, bytes: Uint8Array): Promise<string> {
  const { path: file, handle } = await createStaged(directory);
  try {
    await writeFully(handle, bytes);
    await handle.datasync();
    await handle.close();
    return file;
  } catch (error) {
    await handle.close().catch(() => undefined); // the first error is the one to report
    await rm(file, { force: true });
    throw error;
  }
}

/** One write may be cut short by the kernel. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.byteLength - done);
    done += bytesWritten;
  }
}
