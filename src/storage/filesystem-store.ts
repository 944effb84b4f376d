/**
 * An ObjectStore in a directory, safe for several processes of one host.
 *
 * ```
 * <root>/store/<key>     objects, one file each
 * <root>/staging/        files on their way in; whatever a crash leaves here is garbage
 * <root>/locks/          symbolic links, held for the instant of replacing a document; the owner's
 * ```
 *
 * Publishing is a link (create) or a rename (replace, data) of a synced file, then a sync of the
 * directory; a document then becomes read-only, which says that it may be relied on. A document's revision is the hash of its bytes, as an S3 ETag is.
 */
import { createHash } from "node:crypto";
import { link, mkdir, readdir, readFile, rename, rm, stat, unlink } from "node:fs/promises";
import path from "node:path";
import { AnnouncedNames } from "./announced-names.ts";
import { DirectoryNames } from "./directory-names.ts";
import type { Memory } from "./document-changes.ts";
import { createStaged, DurableDirectories, syncDirectory, writeStaged } from "./durable-file.ts";
import { FileLocks } from "./file-lock.ts";
import { sizeFiles, stampFiles } from "./file-stamp.ts";
import { listFiles } from "./list-files.ts";
import {
  checkKey,
  checkPrefix,
  type ListOptions,
  type ListPage,
  type LoadedObject,
  type ObjectStore,
  type Precondition,
  type ReadOptions,
  type Revision,
  type StagedWrite,
} from "./object-store.ts";
import { codeOf, explained, isFull, unlessAbsent } from "./platform-error.ts";
import { readFileStream } from "./read-file.ts";
import { markSettled, readSettled } from "./settled-file.ts";
import { StagedData } from "./staged-data.ts";
import { ObjectNotFound, PreconditionFailed } from "./store-error.ts";

export class FilesystemStore implements ObjectStore {
  readonly listsEveryKey = true;
  readonly #objects: string;
  readonly #staging: string;
  readonly #locks: FileLocks;
  readonly #directories: DurableDirectories;
  readonly #names = new DirectoryNames();
  #announced: AnnouncedNames | undefined;

  /** @param root an absolute path */
  private constructor(root: string) {
    this.#objects = path.join(root, "store");
    this.#staging = path.join(root, "staging");
    this.#locks = new FileLocks(path.join(root, "locks"));
    this.#directories = new DurableDirectories(root);
  }

  static async open(root: string): Promise<FilesystemStore> {
    const store = new FilesystemStore(path.resolve(root));
    await explained("cannot open", async () => {
      await store.#directories.makeRoot();
      await store.#directories.ensure(store.#objects);
      await mkdir(store.#staging, { recursive: true });
      await store.#locks.prepare();
    });
    return store;
  }

  /** Removes what crashes left in staging. Only while no other process uses the directory. */
  async sweepStaging(): Promise<void> {
    const names = await readdir(this.#staging);
    await Promise.all(names.map((name) => rm(path.join(this.#staging, name), { force: true })));
  }

  async stat(key: string): Promise<number | undefined> {
    const file = this.#path(key);
    return explained(`stat ${key}`, () => unlessAbsent(stat(file).then(({ size }) => size)));
  }

  async load(key: string): Promise<LoadedObject | undefined> {
    const file = this.#path(key);
    const sync = (): Promise<void> => syncDirectory(path.dirname(file));
    const bytes = await explained(`load ${key}`, () => unlessAbsent(readSettled(file, sync)));
    return bytes && { bytes, revision: revisionOf(bytes) };
  }

  async save(key: string, bytes: Uint8Array, precondition: Precondition): Promise<Revision> {
    const target = this.#path(key);
    await explained(`save ${key}`, async () => {
      await this.#directories.ensure(path.dirname(target));
      const staged = await writeStaged(this.#staging, bytes);
      try {
        if ("absent" in precondition) await this.#create(staged, target, key);
        else await this.#replace(staged, target, key, precondition.revision);
      } finally {
        await unlessAbsent(unlink(staged));
      }
    });
    return revisionOf(bytes);
  }

  async read(key: string, options: ReadOptions = {}): Promise<AsyncIterable<Buffer>> {
    const file = this.#path(key);
    const body = await explained(`read ${key}`, () =>
      unlessAbsent(readFileStream(file, key, options)),
    );
    if (body === undefined) throw new ObjectNotFound(key);
    return body;
  }

  async stage(key: string): Promise<StagedWrite> {
    const target = this.#path(key);
    const staged = await explained(`stage ${key}`, () => createStaged(this.#staging));
    const ensure = (directory: string) => this.#directories.ensure(directory);
    return new StagedData(staged, { key, target, ensure });
  }

  async delete(key: string): Promise<void> {
    const file = this.#path(key);
    const remove = (): Promise<void> => unlessAbsent(unlink(file));
    // Under the lock: a replace that has just compared revisions must not bring the key back.
    await explained(`delete ${key}`, () =>
      this.#locks.hold(lockName(key), remove).catch((error: unknown) => {
        // A full disk has no room for a lock, and only deleting makes room.
        if (!isFull(error)) throw error;
        return remove();
      }),
    );
  }

  async list(
    prefix: string,
    { after = "", limit = 1000, stamps = false, sizes = false }: ListOptions = {},
  ): Promise<ListPage> {
    checkPrefix(prefix);
    return explained(`list ${prefix}`, async () => {
      const namesBelow = (below: string) => this.#namesBelow(below);
      const page = await listFiles(namesBelow, prefix, after, limit);
      return {
        ...page,
        ...(stamps && { stamps: await stampFiles(this.#objects, page.keys) }),
        ...(sizes && { sizes: await sizeFiles(this.#objects, page.keys) }),
      };
    });
  }

  /** When it was written, by the clock of the file system. Undefined where there is no such object. */
  async writtenAt(key: string): Promise<number | undefined> {
    const file = path.join(this.#objects, checkKey(key));
    return explained(`stat ${key}`, async () => (await unlessAbsent(stat(file)))?.mtimeMs);
  }

  /**
   * From now on lists are made from memory where every change is announced to what is returned. It is
   * not trusted before `trustUntil` says so.
   *
   * @param isAnnounced whether all changes directly below a prefix are
   * @param clock       monotonic milliseconds, those of `trustUntil`
   */
  rememberNames(isAnnounced: (prefix: string) => boolean, clock: () => number): Memory {
    this.#announced = new AnnouncedNames({
      read: (prefix) => this.#names.sorted(path.join(this.#objects, prefix)),
      exists: async (key) => (await this.stat(key)) !== undefined,
      isAnnounced,
      clock,
    });
    return this.#announced;
  }

  #namesBelow(prefix: string): Promise<readonly string[]> {
    if (this.#announced) return this.#announced.sorted(prefix);
    return this.#names.sorted(path.join(this.#objects, prefix));
  }

  /** `link` creates only if absent and never replaces. */
  async #create(staged: string, target: string, key: string): Promise<void> {
    try {
      await link(staged, target);
    } catch (cause) {
      if (codeOf(cause) === "EEXIST") throw new PreconditionFailed(key, { cause });
      throw cause;
    }
    await syncDirectory(path.dirname(target));
    // By the name that nobody else has: the other one may be that of a newer file by now.
    await markSettled(staged);
  }

  async #replace(staged: string, target: string, key: string, expected: Revision): Promise<void> {
    await this.#locks.hold(lockName(key), async () => {
      const current = await unlessAbsent(readFile(target));
      if (!current || revisionOf(current) !== expected) throw new PreconditionFailed(key);
      await rename(staged, target);
      await syncDirectory(path.dirname(target));
      await markSettled(target);
    });
  }

  #path(key: string): string {
    return path.join(this.#objects, checkKey(key));
  }
}

function revisionOf(bytes: Uint8Array): Revision {
  return createHash("sha256").update(bytes).digest("base64url") as Revision;
}

function lockName(key: string): string {
  return createHash("sha256").update(key).digest("hex").slice(0, 40);
}
