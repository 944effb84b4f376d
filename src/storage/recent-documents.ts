/** Documents for readers: from memory where the policy lets them be, else from the store. */
import type { Document, Documents } from "./document.ts";
import type { CachePolicy, DocumentCache } from "./document-cache.ts";

export class RecentDocuments {
  readonly #documents: Documents;
  readonly #cache: DocumentCache;

  constructor(documents: Documents, cache: DocumentCache) {
    this.#documents = documents;
    this.#cache = cache;
  }

  /** @throws {ObjectDamaged | StoreUnavailable} */
  read<T>(key: string, policy: CachePolicy<T>): Promise<Document<T> | undefined> {
    return this.#cache.read(key, policy, (known) => this.#documents.read<T>(key, known));
  }

  /** What was read last turned out to lead nowhere: the next reader asks the store. */
  forget(key: string): void {
    this.#cache.forget(key);
  }
}
