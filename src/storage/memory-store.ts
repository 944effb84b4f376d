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

interface Stored {
  readonly bytes: Buffer;
  /** Worked out when somebody asks for it. */
  revision?: Revision;
}

export class MemoryStore implements ObjectStore {
  readonly listsEveryKey = true;
  readonly #objects = new Map<string, Stored>();
  /** In order; undefined after a key was added or removed. */
  #sorted: readonly string[] | undefined;

  async stat(key: string): Promise<number | undefined> {
    return this.#objects.get(checkKey(key))?.bytes.byteLength;
  }

  async load(key: string): Promise<LoadedObject | undefined> {
    const stored = this.#objects.get(checkKey(key));
    return stored && { bytes: Buffer.from(stored.bytes), revision: revisionOf(stored) };
  }

  async save(key: string, bytes: Uint8Array, precondition: Precondition): Promise<Revision> {
    const current = this.#objects.get(checkKey(key));
    const holds =
      "absent" in precondition
        ? current === undefined
        : current !== undefined && revisionOf(current) === precondition.revision;
    if (!holds) throw new PreconditionFailed(key);
    return revisionOf(this.#put(key, Buffer.from(bytes)));
  }

  async read(key: string, options: ReadOptions = {}): Promise<AsyncIterable<Buffer>> {
    const stored = this.#objects.get(checkKey(key));
    if (stored === undefined) throw new ObjectNotFound(key);
    return chunks(key, stored.bytes, options);
  }

  async stage(key: string): Promise<StagedWrite> {
    checkKey(key);
    const parts: Buffer[] = [];
    return {
      append: async (chunk) => {
        parts.push(Buffer.from(chunk));
      },
      commit: async () => {
        return this.#put(key, Buffer.concat(parts)).bytes.byteLength;
      },
      abort: async () => {
        parts.length = 0;
      },
    };
  }

  async delete(key: string): Promise<void> {
    if (this.#objects.delete(checkKey(key))) this.#sorted = undefined;
  }

  async list(
    prefix: string,
    { after = "", limit = 1000, stamps = false, sizes = false }: ListOptions = {},
  ): Promise<ListPage> {
    checkPrefix(prefix);
    this.#sorted ??= [...this.#objects.keys()].sort();
    const first = firstBehind(this.#sorted, after > prefix ? after : prefix);
    const keys: string[] = [];
    for (const key of this.#sorted.slice(first, first + limit + 1)) {
      if (!key.startsWith(prefix)) break;
      keys.push(key);
    }
    const more = keys.length > limit;
    if (more) keys.pop();
    return {
      keys,
      more,
      ...(stamps && { stamps: keys.map((key) => this.#stamp(key)) }),
      ...(sizes && { sizes: keys.map((key) => this.#objects.get(key)?.bytes.byteLength) }),
    };
  }

  #put(key: string, bytes: Buffer): Stored {
    if (!this.#objects.has(key)) this.#sorted = undefined;
    const stored = { bytes };
    this.#objects.set(key, stored);
    return stored;
  }

  #stamp(key: string): string | undefined {
    const stored = this.#objects.get(key);
    return stored && revisionOf(stored);
  }
}

function revisionOf(stored: Stored): Revision {
  stored.revision ??= digestOf(stored.bytes) as string as Revision;
  return stored.revision;
}

/** Found by halving. */
function firstBehind(sorted: readonly string[], position: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? "") <= position) low = middle + 1;
    else high = middle;
  }
  return low;
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
