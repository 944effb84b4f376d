/** A store that has no room for the writes that a test picks. */
import type {
  ListOptions,
  ListPage,
  LoadedObject,
  ObjectStore,
  Precondition,
  ReadOptions,
  Revision,
  StagedWrite,
} from "../../src/storage/object-store.ts";
import { StoreFull } from "../../src/storage/store-error.ts";

export class FailingStore implements ObjectStore {
  /** Every write in order, as `save catalog`. */
  readonly writes: string[] = [];
  /** Position among the writes from now on of the one that fails. */
  failing = -1;
  readonly #inner: ObjectStore;

  constructor(inner: ObjectStore) {
    this.#inner = inner;
  }

  get listsEveryKey(): boolean {
    return this.#inner.listsEveryKey;
  }

  save(key: string, bytes: Uint8Array, precondition: Precondition): Promise<Revision> {
    return this.#write(`save ${key}`, () => this.#inner.save(key, bytes, precondition));
  }

  async stage(key: string): Promise<StagedWrite> {
    const staged = await this.#inner.stage(key);
    return {
      append: (chunk) => this.#write(`append ${key}`, () => staged.append(chunk)),
      commit: () => this.#write(`commit ${key}`, () => staged.commit()),
      abort: () => staged.abort(),
    };
  }

  stat(key: string): Promise<number | undefined> {
    return this.#inner.stat(key);
  }

  load(key: string): Promise<LoadedObject | undefined> {
    return this.#inner.load(key);
  }

  read(key: string, options?: ReadOptions): Promise<AsyncIterable<Buffer>> {
    return this.#inner.read(key, options);
  }

  delete(key: string): Promise<void> {
    return this.#inner.delete(key);
  }

  list(prefix: string, options?: ListOptions): Promise<ListPage> {
    return this.#inner.list(prefix, options);
  }

  async #write<T>(request: string, execute: () => Promise<T>): Promise<T> {
    this.writes.push(request);
    this.failing -= 1;
    if (this.failing === -1) throw new StoreFull();
    return execute();
  }
}
