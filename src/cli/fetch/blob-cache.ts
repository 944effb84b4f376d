/**
 * Content that builds have fetched, by digest, kept for the next one.
 *
 *     <directory>/sha256/<hex>      complete content, verified when it came in and before it is used
 *     <directory>/incoming/<random> what is being fetched
 *
 * Several builds may share it: files appear by rename and are never changed.
 */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, mkdtemp, open, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { type Digest, digestSoFar, hexOf } from "../../oci/digest.ts";
import { DigestMismatch, SizeMismatch } from "../../oci/registry-error.ts";
import type { WrittenContent } from "./hashing-file.ts";

const readChunkBytes = 1024 * 1024;
const staleMs = 24 * 60 * 60 * 1000;

export class BlobCache {
  readonly #directory: string;
  readonly #temporary: boolean;

  private constructor(directory: string, temporary: boolean) {
    this.#directory = directory;
    this.#temporary = temporary;
  }

  /** The user's cache, shared by builds; what killed ones left there a day ago is removed. */
  static async open(directory: string): Promise<BlobCache> {
    const cache = new BlobCache(directory, false);
    await cache.#prepare();
    await cache.#removeStale();
    return cache;
  }

  /** A cache below `parent` for one build, gone when it is closed. */
  static async openTemporary(parent: string): Promise<BlobCache> {
    const cache = new BlobCache(await mkdtemp(path.join(parent, ".dcos-build-")), true);
    await cache.#prepare();
    return cache;
  }

  /** Where it belongs by the rules of freedesktop.org; undefined when the user has no home. */
  static defaultDirectory(
    environment: Readonly<Record<string, string | undefined>>,
  ): string | undefined {
    const { XDG_CACHE_HOME: cache, HOME: home } = environment;
    if (cache && path.isAbsolute(cache)) return path.join(cache, "dcos-registry", "blobs");
    return home ? path.join(home, ".cache", "dcos-registry", "blobs") : undefined;
  }

  /** Whether the content is here and intact; what is damaged is removed. */
  async has(digest: Digest, size: number): Promise<boolean> {
    const file = this.#file(digest);
    const found = await stat(file).catch(() => undefined);
    if (found?.size === size && (await hashOf(file)) === digest) return true;
    if (found !== undefined) await rm(file, { force: true });
    return false;
  }

  /**
   * Takes in what `fetch` writes into the file that it is given.
   *
   * @param expected what it must turn out to be; without it, whatever comes
   * @throws {DigestMismatch | SizeMismatch}
   */
  async add(
    fetch: (file: FileHandle) => Promise<WrittenContent>,
    expected?: WrittenContent,
  ): Promise<WrittenContent> {
    const incoming = path.join(this.#directory, "incoming", randomUUID());
    const file = await open(incoming, "wx", 0o600);
    try {
      const got = await fetch(file).finally(() => file.close());
      if (expected && got.size !== expected.size) throw new SizeMismatch(expected.size, got.size);
      if (expected && got.digest !== expected.digest) {
        throw new DigestMismatch(expected.digest, got.digest);
      }
      await rename(incoming, this.#file(got.digest));
      return got;
    } finally {
      await rm(incoming, { force: true });
    }
  }

  /** The content must be here. */
  read(digest: Digest): AsyncIterable<Buffer> {
    return createReadStream(this.#file(digest), { highWaterMark: readChunkBytes });
  }

  /** Opens the content for looking into it; the caller closes. */
  async openFile(digest: Digest): Promise<FileHandle> {
    return open(this.#file(digest));
  }

  async close(): Promise<void> {
    if (this.#temporary) await rm(this.#directory, { recursive: true, force: true });
  }

  #file(digest: Digest): string {
    return path.join(this.#directory, "sha256", hexOf(digest));
  }

  async #prepare(): Promise<void> {
    for (const folder of ["sha256", "incoming"]) {
      await mkdir(path.join(this.#directory, folder), { recursive: true, mode: 0o700 });
    }
  }

  async #removeStale(): Promise<void> {
    const incoming = path.join(this.#directory, "incoming");
    for (const name of await readdir(incoming)) {
      const file = path.join(incoming, name);
      // Another build may have finished with it meanwhile.
      const found = await stat(file).catch(() => undefined);
      if (found && Date.now() - found.mtimeMs > staleMs) await rm(file, { force: true });
    }
  }
}

async function hashOf(file: string): Promise<Digest> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: readChunkBytes })) {
    hash.update(chunk as Buffer);
  }
  return digestSoFar("sha256", hash);
}
