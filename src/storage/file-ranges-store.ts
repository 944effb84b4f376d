/**
 * An ObjectStore whose data are ranges of files that lie there already, and whose documents are in memory.
 *
 * For serving files as they are: nothing is copied and nothing is written to a disk. What is written
 * all the same stays in memory until the process ends.
 */
import { MemoryStore } from "./memory-store.ts";
import type {
  ByteRange,
  ListOptions,
  ListPage,
  LoadedObject,
  ObjectStore,
  Precondition,
  ReadOptions,
  Revision,
  StagedWrite,
} from "./object-store.ts";
import { readFileStream } from "./read-file.ts";

/** Bytes of a file that are not going to change. */
export interface FileRange {
  /** Absolute. */
  readonly file: string;
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

export class FileRangesStore implements ObjectStore {
  readonly listsEveryKey = false;
  readonly #memory = new MemoryStore();
  readonly #ranges = new Map<string, FileRange>();

  /** Makes a range readable as data; it is not listed. */
  place(key: string, range: FileRange): void {
    this.#ranges.set(key, range);
  }

  async stat(key: string): Promise<number | undefined> {
    return this.#ranges.get(key)?.size ?? this.#memory.stat(key);
  }

  load(key: string): Promise<LoadedObject | undefined> {
    return this.#memory.load(key);
  }

  save(key: string, bytes: Uint8Array, precondition: Precondition): Promise<Revision> {
    return this.#memory.save(key, bytes, precondition);
  }

  async read(key: string, options: ReadOptions = {}): Promise<AsyncIterable<Buffer>> {
    const placed = this.#ranges.get(key);
    if (placed === undefined) return this.#memory.read(key, options);
    const { file, offset, size } = placed;
    const range = shifted(options.range ?? { start: 0, end: size - 1 }, offset);
    return readFileStream(file, key, { ...options, range });
  }

  stage(key: string): Promise<StagedWrite> {
    return this.#memory.stage(key);
  }

  async delete(key: string): Promise<void> {
    this.#ranges.delete(key);
    await this.#memory.delete(key);
  }

  list(prefix: string, options?: ListOptions): Promise<ListPage> {
    return this.#memory.list(prefix, options);
  }
}

function shifted({ start, end }: ByteRange, offset: number): ByteRange {
  return { start: start + offset, end: end + offset };
}
