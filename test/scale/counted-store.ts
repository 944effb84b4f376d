/** What is asked of a store, as a bucket would bill it: requests by kind, and bytes. */
import { MeasuredStore, type StoreOperation } from "../../src/storage/measured-store.ts";
import type { ObjectStore } from "../../src/storage/object-store.ts";

/** Of data in a bucket; anything smaller is one request. */
const partBytes = 8 * 1024 * 1024;

export interface Asked {
  readonly requests: number;
  readonly reads: number;
  readonly writes: number;
  readonly lists: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export class CountedStore extends MeasuredStore {
  readonly #counts: { kinds: Map<StoreOperation, number>; read: number; written: number };

  constructor(inner: ObjectStore) {
    const counts = { kinds: new Map<StoreOperation, number>(), read: 0, written: 0 };
    super(inner, {
      operation: (kind) => counts.kinds.set(kind, (counts.kinds.get(kind) ?? 0) + 1),
      read: (bytes) => {
        counts.read += bytes;
      },
      written: (bytes) => {
        counts.written += bytes;
      },
    });
    this.#counts = counts;
  }

  /** @returns what `work` asked for, when nothing else does at the same time */
  async during(work: () => Promise<unknown>): Promise<Asked> {
    const { kinds } = this.#counts;
    kinds.clear();
    this.#counts.read = 0;
    this.#counts.written = 0;
    await work();
    const of = (...some: StoreOperation[]): number =>
      some.reduce((sum, kind) => sum + (kinds.get(kind) ?? 0), 0);
    const reads = of("stat", "load", "read");
    const writes = of("save", "write", "delete");
    const lists = of("list");
    const { read: bytesRead, written: bytesWritten } = this.#counts;
    return { requests: reads + writes + lists, reads, writes, lists, bytesRead, bytesWritten };
  }
}

/** Requests by which a bucket takes data: one, or the parts and what begins and ends them. */
export function requestsToWrite(bytes: number): number {
  return bytes <= partBytes ? 1 : Math.ceil(bytes / partBytes) + 2;
}
