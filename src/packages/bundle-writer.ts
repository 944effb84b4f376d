/**
 * Writes a planned bundle: to a file at any concurrency, or as a stream.
 *
 * Both give the same bytes. A file appears under its name only when it is complete and on disk;
 * whatever goes wrong before leaves nothing behind. Content is verified while it is written.
 */
import { createHash } from "node:crypto";
import { type FileHandle, link, open, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { type Digest, digestSoFar } from "../oci/digest.ts";
import { DigestMismatch, SizeMismatch } from "../oci/registry-error.ts";
import type { BundlePlan, PlannedEntry } from "./bundle-plan.ts";
import { syncDirectory } from "./sync-directory.ts";
import { blockSize, encodeTarHeader, paddingOf } from "./tar-header.ts";

/** Opens the content of a blob; called once for each blob of the plan. */
export type OpenBlob = (digest: Digest, size: number) => AsyncIterable<Uint8Array>;

export interface WriteBundleOptions {
  /** Blobs written at a time. */
  readonly concurrency: number;
  readonly signal: AbortSignal;
  /** Told of content as it is written, in bytes. */
  readonly onProgress?: (bytes: number) => void;
}

export class BundleExists extends Error {
  readonly code = "BUNDLE_EXISTS";
  constructor(target: string, options?: ErrorOptions) {
    super(`Output file [${target}] already exists`, options);
    this.name = new.target.name;
  }
}

/**
 * @param target must not exist; while writing, the file is `<target>.partial`, readable by the owner only
 * @throws {BundleExists}
 * @throws {DigestMismatch | SizeMismatch} when a blob is not what the plan says
 */
export async function writeBundle(
  target: string,
  plan: BundlePlan,
  openBlob: OpenBlob,
  options: WriteBundleOptions,
): Promise<void> {
  const partial = `${target}.partial`;
  await rm(partial, { force: true }); // what a killed build left
  const file = await open(partial, "wx", 0o600);
  try {
    await file.truncate(plan.size);
    await writeEntries(file, plan, openBlob, options);
    await file.sync();
    await expectOwn(file, partial);
    await publish(partial, target);
  } finally {
    await file.close();
    await rm(partial, { force: true });
  }
  await syncDirectory(path.dirname(target));
}

/** The same bytes in order, for sending; holds one chunk at a time. */
export async function* streamBundle(plan: BundlePlan, openBlob: OpenBlob): AsyncGenerator<Buffer> {
  for (const entry of plan.entries) {
    yield encodeTarHeader(entry.name, entry.size);
    yield* contentOf(entry, openBlob);
    yield Buffer.alloc(paddingOf(entry.size));
  }
  yield Buffer.alloc(2 * blockSize);
}

async function writeEntries(
  file: FileHandle,
  { entries }: BundlePlan,
  openBlob: OpenBlob,
  { concurrency, signal, onProgress }: WriteBundleOptions,
): Promise<void> {
  const queue = entries.values();
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const worker = async () => {
    for (const entry of queue) {
      let position = entry.offset;
      await writeAt(file, encodeTarHeader(entry.name, entry.size), position);
      position += blockSize;
      for await (const chunk of contentOf(entry, openBlob)) {
        stop.throwIfAborted();
        await writeAt(file, chunk, position);
        position += chunk.byteLength;
        onProgress?.(chunk.byteLength);
      }
      stop.throwIfAborted();
    }
  };
  const workers = Array.from({ length: Math.max(1, concurrency) }, () =>
    worker().catch((error) => {
      failed.abort(error);
      throw error;
    }),
  );
  // All workers end before the file is closed; the first failure is the one to report.
  await Promise.allSettled(workers);
  stop.throwIfAborted();
}

async function* contentOf({ content, size }: PlannedEntry, openBlob: OpenBlob) {
  if ("bytes" in content) yield content.bytes;
  else yield* verified(content.blob, size, openBlob(content.blob, size));
}

/** Passes on at most `size` bytes, so that a wrong blob never overwrites its neighbour. */
async function* verified(
  digest: Digest,
  size: number,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  const hash = createHash("sha256");
  let seen = 0;
  for await (const chunk of source) {
    seen += chunk.byteLength;
    if (seen > size) throw new SizeMismatch(size, seen);
    hash.update(chunk);
    yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  if (seen !== size) throw new SizeMismatch(size, seen);
  const actual = digestSoFar("sha256", hash);
  if (actual !== digest) throw new DigestMismatch(digest, actual);
}

async function writeAt(file: FileHandle, chunk: Buffer, position: number): Promise<void> {
  for (let done = 0; done < chunk.byteLength; ) {
    const { bytesWritten } = await file.write(
      chunk,
      done,
      chunk.byteLength - done,
      position + done,
    );
    done += bytesWritten;
  }
}

/** Another build of the same target would have replaced the partial file by its own. */
async function expectOwn(file: FileHandle, partial: string): Promise<void> {
  const [own, named] = await Promise.all([file.stat(), stat(partial).catch(() => undefined)]);
  if (named?.ino !== own.ino) throw new Error(`another build is writing ${partial}`);
}

/** `link` never replaces; file systems without it get a rename, whose target was absent before. */
async function publish(partial: string, target: string): Promise<void> {
  try {
    await link(partial, target);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "EEXIST") throw new BundleExists(target, { cause });
    if (code !== "EPERM" && code !== "ENOTSUP" && code !== "ENOSYS") throw cause;
    await rename(partial, target);
  }
}
