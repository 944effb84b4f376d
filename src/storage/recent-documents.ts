/** Documents for readers: from memory where the policy lets them be, else from the store. */
import type { Document } from "./document.ts";
import type { CachePolicy, DocumentCache, Ground } from "./document-cache.ts";
import type { Documents } from "./documents.ts";

/** What memory says, and what it says it of. */
export interface Recollection<T> {
  readonly value: T;
  readonly grounds: readonly Ground[];
}

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

  /** What `read` would give without asking the store, if it would. */
  recall<T>(key: string, policy: CachePolicy<T>): Ground<T> | undefined {
    return this.#cache.recall(key, policy);
  }

  /** Whether `recall` would give these very documents now. */
  stand(grounds: readonly Ground[]): boolean {
    return this.#cache.stand(grounds);
  }

  /** What was read last turned out to lead nowhere: the next reader asks the store. */
  forget(key: string): void {
    this.#cache.forget(key);
  }
}
