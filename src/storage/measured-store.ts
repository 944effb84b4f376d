/**
 * An ObjectStore that tells an observer of every operation: how long it took, how it ended, how many
 * bytes went in and out.
 *
 * Data streams are counted as they flow and timed to their first byte: how long the rest takes is up
 * to the client.
 */
import { ForwardingStore } from "./forwarding-store.ts";
import type {
  ListPage,
  LoadedObject,
  ObjectStore,
  Precondition,
  ReadOptions,
  Revision,
  StagedWrite,
} from "./object-store.ts";
import {
  ObjectDamaged,
  ObjectNotFound,
  PreconditionFailed,
  StoreFull,
  StoreUnavailable,
} from "./store-error.ts";

export type StoreOperation = "stat" | "load" | "save" | "read" | "write" | "delete" | "list";

/** `absent` and `conflict` are answers; the others are failures. */
export type StoreOutcome =
  | "done"
  | "absent"
  | "conflict"
  | "full"
  | "unavailable"
  | "damaged"
  | "failed";

export interface StoreObserver {
  /** `write` is data from its first byte to its commit. */
  operation(operation: StoreOperation, outcome: StoreOutcome, seconds: number): void;
  read(bytes: number): void;
  written(bytes: number): void;
}

export class MeasuredStore extends ForwardingStore {
  readonly #observer: StoreObserver;

  constructor(inner: ObjectStore, observer: StoreObserver) {
    super(inner);
    this.#observer = observer;
  }

  override stat(key: string): Promise<number | undefined> {
    return this.#timed("stat", super.stat(key));
  }

  override async load(key: string, known?: Revision): Promise<LoadedObject | undefined> {
    const loaded = await this.#timed("load", super.load(key, known));
    if (loaded) this.#observer.read(loaded.bytes.byteLength);
    return loaded;
  }

  override async save(key: string, bytes: Uint8Array, precondition: Precondition) {
    const revision = await this.#timed("save", super.save(key, bytes, precondition));
    this.#observer.written(bytes.byteLength);
    return revision;
  }

  override async read(key: string, options?: ReadOptions): Promise<AsyncIterable<Buffer>> {
    const body = await this.#timed("read", super.read(key, options));
    return counted(body, (bytes) => this.#observer.read(bytes));
  }

  override async stage(key: string): Promise<StagedWrite> {
    const begin = performance.now();
    const failed = (error: unknown): never => {
      this.#end("write", begin, error);
      throw error;
    };
    const staged = await super.stage(key).catch(failed);
    return {
      append: (chunk) => {
        this.#observer.written(chunk.byteLength);
        return staged.append(chunk);
      },
      commit: async () => {
        const size = await staged.commit().catch(failed);
        this.#end("write", begin);
        return size;
      },
      abort: () => staged.abort(),
    };
  }

  override delete(key: string): Promise<void> {
    return this.#timed("delete", super.delete(key));
  }

  override list(...parameters: Parameters<ObjectStore["list"]>): Promise<ListPage> {
    return this.#timed("list", super.list(...parameters));
  }

  async #timed<T>(operation: StoreOperation, work: Promise<T>): Promise<T> {
    const begin = performance.now();
    try {
      const result = await work;
      this.#end(operation, begin);
      return result;
    } catch (error) {
      this.#end(operation, begin, error);
      throw error;
    }
  }

  #end(operation: StoreOperation, begin: number, error?: unknown): void {
    const outcome = error === undefined ? "done" : outcomeOf(error);
    this.#observer.operation(operation, outcome, (performance.now() - begin) / 1000);
  }
}

function outcomeOf(error: unknown): StoreOutcome {
  if (error instanceof ObjectNotFound) return "absent";
  if (error instanceof PreconditionFailed) return "conflict";
  if (error instanceof StoreFull) return "full";
  if (error instanceof StoreUnavailable) return "unavailable";
  return error instanceof ObjectDamaged ? "damaged" : "failed";
}

/** The iterator itself, not a copy of its chunks: ending early must reach the adapter. */
function counted(
  body: AsyncIterable<Buffer>,
  count: (bytes: number) => void,
): AsyncIterable<Buffer> {
  return {
    [Symbol.asyncIterator]: () => {
      const chunks = body[Symbol.asyncIterator]();
      return {
        next: async () => {
          const result = await chunks.next();
          if (!result.done) count(result.value.byteLength);
          return result;
        },
        return: async (value) => (await chunks.return?.(value)) ?? { done: true, value },
      };
    },
  };
}
