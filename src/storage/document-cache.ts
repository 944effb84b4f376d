/**
 * Documents as this process read them last, for readers that may be answered from memory.
 *
 * No reader gets a state that an acknowledged write of this server has replaced: who writes a document
 * *closes* its key first, in every process of the server, and until he opens it again nothing is
 * answered from memory or put there. What other instances write is noticed by age. "Not here" is
 * never kept, unless the reader's policy says that absence is good news.
 */
import { BoundedMap } from "./bounded-map.ts";
import type { Document } from "./document.ts";
import type { DocumentChanges } from "./document-changes.ts";
import { StoreUnavailable } from "./store-error.ts";

/** What readers of one kind of documents may be told from memory. */
export interface CachePolicy<T> {
  /** Whether this state may be kept; all else is looked up anew for each reader. */
  keeps(document: Document<T> | undefined): boolean;
  /** Of content that never changes: however old the document is, what it leads to is right. */
  readonly lasting?: boolean;
  /** Bytes that its value takes in memory, about; its raw content is counted anyway. */
  weigh?(document: Document<T>): number;
}

export interface DocumentCacheOptions {
  /**
   * How old a state may be that another instance could have replaced; Infinity when there is no
   * other instance, 0 for no cache at all.
   */
  readonly maxAgeMs: number;
  /** The same for content that never changes: how long its removal elsewhere may go unnoticed. */
  readonly lastingAgeMs?: number;
  readonly maxBytes?: number;
  /** Monotonic milliseconds, of the same clock as what `trustUntil` is told. */
  readonly clock?: () => number;
}

interface Held {
  readonly document: Document<unknown> | undefined;
  /** When it began to be read. */
  readonly since: number;
}

interface Flight {
  readonly since: number;
  readonly found: Promise<Document<unknown> | undefined>;
}

/** Of a kept document beside its content: names, the value, ids of transactions. */
const overheadBytes = 2048;

export class DocumentCache implements DocumentChanges {
  readonly #maxAgeMs: number;
  readonly #lastingAgeMs: number;
  readonly #clock: () => number;
  readonly #held: BoundedMap<string, Held>;
  readonly #flights = new Map<string, Flight>();
  /** How many writers have closed a key. */
  readonly #closed = new Map<string, number>();
  #trustedUntil = Number.POSITIVE_INFINITY;

  constructor(options: DocumentCacheOptions) {
    const { maxAgeMs, maxBytes = 32 * 1024 * 1024, clock = () => performance.now() } = options;
    this.#maxAgeMs = maxAgeMs;
    this.#lastingAgeMs = options.lastingAgeMs ?? maxAgeMs;
    this.#held = new BoundedMap(maxBytes);
    this.#clock = clock;
  }

  /**
   * @param load reads the document; given a known one, it returns that when nothing has changed
   * @returns a state that was current at this moment, or is young enough
   */
  async read<T>(
    key: string,
    policy: CachePolicy<T>,
    load: (known: Document<T> | undefined) => Promise<Document<T> | undefined>,
  ): Promise<Document<T> | undefined> {
    const now = this.#clock();
    const maxAgeMs = policy.lasting ? this.#lastingAgeMs : this.#maxAgeMs;
    const held = this.#held.get(key);
    if (held && now < this.#trustedUntil && now - held.since < maxAgeMs) {
      return held.document as Document<T> | undefined;
    }
    const flight = this.#flights.get(key);
    if (flight && now - flight.since < maxAgeMs) {
      const found = (await flight.found) as Document<T> | undefined;
      // It began before this reader asked: a "no" may have become wrong in between.
      return policy.keeps(found) ? found : load(undefined);
    }
    const known = held?.document as Document<T> | undefined;
    return this.#fly(key, policy, now, policy.lasting ? loadLasting(load, known) : load(known));
  }

  /** What is kept turned out to lead nowhere. */
  forget(key: string): void {
    this.#held.delete(key);
    this.#flights.delete(key);
  }

  /** Forgets everything, also what is just being read. */
  clear(): void {
    this.#held.clear();
    this.#flights.clear();
  }

  /** Answers from memory only before this time: the server's other processes count on it. */
  trustUntil(time: number): void {
    this.#trustedUntil = time;
  }

  /** Closes a key, in this process alone. @returns opens it again; called twice it does nothing */
  close(key: string): () => void {
    this.#closed.set(key, (this.#closed.get(key) ?? 0) + 1);
    this.forget(key);
    let closed = true;
    return () => {
      if (!closed) return;
      closed = false;
      const others = (this.#closed.get(key) ?? 0) - 1;
      if (others > 0) this.#closed.set(key, others);
      else this.#closed.delete(key);
    };
  }

  async begin(key: string): Promise<() => void> {
    return this.close(key);
  }

  /** Reads for everybody who asks meanwhile; what a writer closes meanwhile is not kept. */
  async #fly<T>(
    key: string,
    policy: CachePolicy<T>,
    since: number,
    found: Promise<Document<T> | undefined>,
  ): Promise<Document<T> | undefined> {
    const flight = { since, found };
    if (!this.#closed.has(key)) this.#flights.set(key, flight);
    try {
      const document = await found;
      if (this.#flights.get(key) === flight) this.#keep(key, policy, { document, since });
      return document;
    } finally {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    }
  }

  #keep<T>(
    key: string,
    policy: CachePolicy<T>,
    { document, since }: { document: Document<T> | undefined; since: number },
  ): void {
    if (this.#maxAgeMs <= 0 || !policy.keeps(document)) {
      this.#held.delete(key);
      return;
    }
    const value = document === undefined ? 0 : (policy.weigh?.(document) ?? 0);
    const bytes = overheadBytes + key.length + value + (document?.content.byteLength ?? 0);
    this.#held.set(key, { document, since }, bytes);
  }
}

/** Content that never changes, and was here: a store that does not answer is no reason to refuse it. */
async function loadLasting<T>(
  load: (known: Document<T> | undefined) => Promise<Document<T> | undefined>,
  known: Document<T> | undefined,
): Promise<Document<T> | undefined> {
  try {
    return await load(known);
  } catch (error) {
    if (known && error instanceof StoreUnavailable) return known;
    throw error;
  }
}
