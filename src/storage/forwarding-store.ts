/** An ObjectStore that hands everything to another one; what stands around a store changes parts of it. */
import type {
  ListPage,
  LoadedObject,
  ObjectStore,
  Precondition,
  ReadOptions,
  Revision,
  StagedWrite,
} from "./object-store.ts";

export class ForwardingStore implements ObjectStore {
  readonly #inner: ObjectStore;

  constructor(inner: ObjectStore) {
    this.#inner = inner;
  }

  get listsEveryKey(): boolean {
    return this.#inner.listsEveryKey;
  }

  stat(key: string): Promise<number | undefined> {
    return this.#inner.stat(key);
  }

  load(key: string, known?: Revision): Promise<LoadedObject | undefined> {
    return this.#inner.load(key, known);
  }

  save(key: string, bytes: Uint8Array, precondition: Precondition): Promise<Revision> {
    return this.#inner.save(key, bytes, precondition);
  }

  read(key: string, options?: ReadOptions): Promise<AsyncIterable<Buffer>> {
    return this.#inner.read(key, options);
  }

  stage(key: string): Promise<StagedWrite> {
    return this.#inner.stage(key);
  }

  delete(key: string): Promise<void> {
    return this.#inner.delete(key);
  }

  list(...parameters: Parameters<ObjectStore["list"]>): Promise<ListPage> {
    return this.#inner.list(...parameters);
  }
}
