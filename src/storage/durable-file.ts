/**
 * Putting files on disk so that they survive a power cut: the content first, then the name.
 *
 * A resolved write only means "handed to the kernel". Before anything is acknowledged the file and
 * every directory that gained a name are synced. What the kernel answers from memory (opening a
 * directory that was just changed, closing) is not worth the trip to another thread, which costs more.
 */
import { randomBytes } from "node:crypto";
import { closeSync, fdatasync, fsync, open, openSync, write } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

const openFile = promisify(open);
const syncFile = promisify(fsync);
/** Without times, which nobody needs after a power cut. */
export const syncContent = promisify(fdatasync);
const writeSome = promisify(write);

const rememberedDirectories = 10_000;

/** Knows which directories below a root exist durably, so that each is made and synced once. */
export class DurableDirectories {
  readonly #root: string;
  readonly #known = new Set<string>();

  /** @param root an absolute path; what is above it is none of our business once it is there */
  constructor(root: string) {
    this.#root = root;
  }

  async makeRoot(): Promise<void> {
    const first = await mkdir(this.#root, { recursive: true });
    if (first === undefined) return;
    for (let at = this.#root; ; at = path.dirname(at)) {
      await syncDirectory(path.dirname(at));
      if (at === first || path.dirname(at) === at) return;
    }
  }

  /** @param directory below the root */
  async ensure(directory: string): Promise<void> {
    if (this.#known.has(directory)) return;
    await mkdir(directory, { recursive: true });
    const unknown: string[] = [];
    for (let at = directory; at !== this.#root && !this.#known.has(at); at = path.dirname(at)) {
      unknown.push(at);
    }
    // From the top, so that a known directory stands on known ones. Also those that were there
    // already: another process may have made them and not synced them yet.
    for (const made of unknown.reverse()) {
      await syncDirectory(path.dirname(made));
      if (this.#known.size >= rememberedDirectories) this.#known.clear();
      this.#known.add(made);
    }
  }
}

/** Makes the names durable that a directory has gained. */
export async function syncDirectory(directory: string): Promise<void> {
  const descriptor = openSync(directory, "r");
  try {
    await syncFile(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

export interface StagedFile {
  readonly path: string;
  /** To be closed by whoever made it. */
  readonly descriptor: number;
}

/** A new file with a name of its own; the caller renames, links or removes it. */
export async function createStaged(directory: string): Promise<StagedFile> {
  const file = path.join(directory, randomBytes(12).toString("hex"));
  return { path: file, descriptor: await openFile(file, "wx", 0o600) };
}

/** Writes a small file whole and syncs it. On failure nothing is left. */
export async function writeStaged(directory: string, bytes: Uint8Array): Promise<string> {
  const { path: file, descriptor } = await createStaged(directory);
  try {
    await writeFully(descriptor, bytes);
    await syncContent(descriptor);
    return file;
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** One write may be cut short by the kernel. */
export async function writeFully(descriptor: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const left = bytes.byteLength - done;
    const { bytesWritten } = await writeSome(descriptor, bytes, done, left, null);
    done += bytesWritten;
  }
}
