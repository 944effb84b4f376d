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
  type ListOptions,
  type ListPage,
  type LoadedObject,
  type ObjectStore,
  type Precondition,
  type ReadOptions,
  type Revision,
  type StagedWrite,
} from "./object-store.ts";
import { ObjectDamaged, ObjectNotFound, PreconditionFailed } from "./store-error.ts";

const chunkBytes = 64 * 1024;

export class MemoryStore implements ObjectStore {
  readonly listsEveryKey = true;
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

  async read(key: string, options: ReadOptions = {}): Promise<AsyncIterable<Buffer>> {
    const bytes = this.#objects.get(checkKey(key));
    if (bytes === undefined) throw new ObjectNotFound(key);
    return chunks(key, bytes, options);
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
    { after = "", limit = 1000, stamps = false }: ListOptions = {},
  ): Promise<ListPage> {
    checkPrefix(prefix);
    const matching = [...this.#objects.keys()]
      .filter((key) => key.startsWith(prefix) && key > after)
      .sort();
    const keys = matching.slice(0, limit);
    return { keys, more: matching.length > limit, ...(stamps && { stamps: this.#stamps(keys) }) };
  }

  #stamps(keys: readonly string[]): (string | undefined)[] {
    return keys.map((key) => this.#objects.get(key)).map((bytes) => bytes && revisionOf(bytes));
  }
}

function revisionOf(bytes: Buffer): Revision {
  return digestOf(bytes) as string as Revision;
}

/** As strict as any adapter may be: the one buffer is overwritten as soon as the next is asked for. */
async function* chunks(
  key: string,
  bytes: Buffer,
  { range = { start: 0, end: bytes.byteLength - 1 }, signal }: ReadOptions,
): AsyncGenerator<Buffer> {
  const { start, end } = range;
  const buffer = Buffer.alloc(Math.min(chunkBytes, Math.max(0, end - start + 1)));
  for (let position = start; position <= end; ) {
    signal?.throwIfAborted();
    const copied = bytes.subarray(position, end + 1).copy(buffer);
    if (copied === 0) {
      throw new ObjectDamaged(key, `it ends at byte ${bytes.byteLength} of ${end + 1}`);
    }
    yield buffer.subarray(0, copied);
    buffer.fill(0xdd);
    position += copied;
  }
}
