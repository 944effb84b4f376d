/**
 * An ObjectStore in memory, for tests and for trying things out.
 *
 * Complete and strict: what works here works on the other adapters. Holds everything until the
 * process ends.
 */
import { digestOf } from "../oci/digest.ts";
import {
  checkKey,
  checkPrefix,
  type ListPage,
  type LoadedObject,
  type ObjectStore,
  type Precondition,
  type ReadOptions,
  type Revision,
  type StagedWrite,
} from "./object-store.ts";
import { ObjectNotFound, PreconditionFailed } from "./store-error.ts";

const chunkBytes = 64 * 1024;

export class MemoryStore implements ObjectStore {
  readonly #objects = new Map<string, Buffer>();

  async stat(key: string): Promise<number | undefined> {
    return this.#objects.get(checkKey(key))?.byteLength;
  }

  async load(key: string): Promise<LoadedObject | undefined> {
    const bytes = this.#objects.get(checkKey(key));
    return bytes && { bytes: Buffer.from(bytes), revision: revisionOf(bytes) };
  }

  async save(key: string, bytes: Uint8Array, precondition: Precondition): Promise<Revision> {
    const current = this.#objects.get(checkKey(key));
    const holds =
      "absent" in precondition
        ? current === undefined
        : current !== undefined && revisionOf(current) === precondition.revision;
    if (!holds) throw new PreconditionFailed(key);
    const stored = Buffer.from(bytes);
    this.#objects.set(key, stored);
    return revisionOf(stored);
  }

  async read(key: string, { range, signal }: ReadOptions = {}): Promise<AsyncIterable<Buffer>> {
    const bytes = this.#objects.get(checkKey(key));
    if (bytes === undefined) throw new ObjectNotFound(key);
    return chunks(range ? bytes.subarray(range.start, range.end + 1) : bytes, signal);
  }

  async stage(key: string): Promise<StagedWrite> {
    checkKey(key);
    const parts: Buffer[] = [];
    return {
      append: async (chunk) => {
        parts.push(Buffer.from(chunk));
      },
      commit: async () => {
        const bytes = Buffer.concat(parts);
        this.#objects.set(key, bytes);
        return bytes.byteLength;
      },
      abort: async () => {
        parts.length = 0;
      },
    };
  }

  async delete(key: string): Promise<void> {
    this.#objects.delete(checkKey(key));
  }

  async list(
    prefix: string,
    { after = "", limit = 1000 }: { after?: string; limit?: number } = {},
  ): Promise<ListPage> {
    checkPrefix(prefix);
    const matching = [...this.#objects.keys()]
      .filter((key) => key.startsWith(prefix) && key > after)
      .sort();
    return { keys: matching.slice(0, limit), more: matching.length > limit };
  }
}

function revisionOf(bytes: Buffer): Revision {
  return digestOf(bytes) as string as Revision;
}

async function* chunks(bytes: Buffer, signal?: AbortSignal): AsyncIterable<Buffer> {
  for (let start = 0; start < bytes.byteLength; start += chunkBytes) {
    signal?.throwIfAborted();
    yield bytes.subarray(start, start + chunkBytes);
  }
}
