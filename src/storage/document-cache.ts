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
import type { DocumentChanges, Memory } from "./document-changes.ts";
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
  /**
   * For how long readers are told what was known when the store is away. Whoever writes is refused
   * then; whoever pulls need not be.
   */
  readonly outageAgeMs?: number;
  readonly maxBytes?: number;
  /** Monotonic milliseconds, of the same clock as what `trustUntil` is told. */
  readonly clock?: () => number;
}

type Found<T> = Document<T> | undefined;
type Load<T> = (known: Found<T>) => Promise<Found<T>>;

const silent = Symbol("the store does not answer");

/** A document in memory, or that there is none: what an answer was made of. */
export interface Ground<T = unknown> {
  readonly key: string;
  readonly policy: CachePolicy<T>;
  readonly document: Document<T> | undefined;
}

interface Held<T = unknown> {
  readonly document: Found<T>;
  /** When it began to be read. */
  readonly since: number;
}

interface Flight<T = unknown> {
  readonly since: number;
  readonly found: Promise<Found<T>>;
}

/** A store that takes longer to confirm what is known counts as away. */
const patienceMs = 5000;
/** Of a kept document beside its content: names, the value, ids of transactions. */
const overheadBytes = 2048;

export class DocumentCache implements DocumentChanges, Memory {
  readonly #maxAgeMs: number;
  readonly #lastingAgeMs: number;
  readonly #outageAgeMs: number;
  readonly #clock: () => number;
  readonly #held: BoundedMap<string, Held>;
  readonly #flights = new Map<string, Flight>();
  /** How many writers have closed a key. */
  readonly #closed = new Map<string, number>();
  /** The store did not answer, and has not answered since. */
  #outage = false;
  #trustedUntil = Number.POSITIVE_INFINITY;

  constructor(options: DocumentCacheOptions) {
    const { maxAgeMs, maxBytes = 32 * 1024 * 1024, clock = () => performance.now() } = options;
    this.#maxAgeMs = maxAgeMs;
    this.#lastingAgeMs = options.lastingAgeMs ?? maxAgeMs;
    this.#outageAgeMs = options.outageAgeMs ?? 10 * 60 * 1000;
    this.#held = new BoundedMap(maxBytes);
    this.#clock = clock;
  }

  /**
   * @param load reads the document; given a known one, it returns that when nothing has changed
   * @returns a state that was current at this moment, or is young enough
   * @throws whatever `load` throws, unless it is only that a known state cannot be confirmed
   */
  async read<T>(key: string, policy: CachePolicy<T>, load: Load<T>): Promise<Found<T>> {
    const now = this.#clock();
    const fresh = this.#fresh(key, policy, now);
    if (fresh) return fresh.document;

    const maxAgeMs = this.#ageLimitMs(policy);
    const held =
      now < this.#trustedUntil ? (this.#held.get(key) as Held<T> | undefined) : undefined;

    const before = this.#flights.get(key) as Flight<T> | undefined;
    const excused = held && (policy.lasting || now - held.since < this.#outageAgeMs);
    if (excused && before && this.#outage) return held.document;
    const answer =
      before && now - before.since < maxAgeMs
        ? joined(before, policy, load)
        : this.#fly(key, policy, { since: now, found: load(held?.document) });
    return excused ? this.#unlessAway(answer, held.document) : answer;
  }

  /** What `read` would answer from memory at this moment; undefined when it would ask the store. */
  recall<T>(key: string, policy: CachePolicy<T>): Ground<T> | undefined {
    const held = this.#fresh(key, policy, this.#clock());
    return held && { key, policy, document: held.document };
  }

  /**
   * Whether readers would be given these very documents now, without asking the store. Then what was
   * made of them may be given again, and else not.
   */
  stand(grounds: readonly Ground[]): boolean {
    const now = this.#clock();
    for (const { key, policy, document } of grounds) {
      const held = this.#fresh(key, policy, now);
      if (held === undefined || held.document !== document) return false;
    }
    return true;
  }

  /** What is kept turned out to lead nowhere. */
  forget(key: string): void {
    this.#held.delete(key);
    this.#flights.delete(key);
  }

  clear(): void {
    this.#held.clear();
    this.#flights.clear();
  }

  trustUntil(time: number): void {
    this.#trustedUntil = time;
  }

  /** Closes a key, in this process alone. */
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

  #fresh<T>(key: string, policy: CachePolicy<T>, now: number): Held<T> | undefined {
    if (now >= this.#trustedUntil) return undefined;
    const held = this.#held.get(key) as Held<T> | undefined;
    return held && now - held.since < this.#ageLimitMs(policy) ? held : undefined;
  }

  #ageLimitMs({ lasting }: Pick<CachePolicy<never>, "lasting">): number {
    return lasting ? this.#lastingAgeMs : this.#maxAgeMs;
  }

  /** Reads for everybody who asks meanwhile; what a writer closes meanwhile is not kept. */
  async #fly<T>(key: string, policy: CachePolicy<T>, flight: Flight<T>): Promise<Found<T>> {
    if (!this.#closed.has(key)) this.#flights.set(key, flight);
    try {
      const document = await flight.found;
      this.#outage = false;
      if (this.#flights.get(key) === flight) {
        this.#keep(key, policy, { document, since: flight.since });
      }
      return document;
    } finally {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    }
  }

  /** While the store is away, the answer is awaited behind the reader's back. */
  async #unlessAway<T>(answer: Promise<Found<T>>, known: Found<T>): Promise<Found<T>> {
    answer.catch(() => undefined);
    if (this.#outage) return known;
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<typeof silent>((resolve) => {
      timer = setTimeout(() => resolve(silent), patienceMs);
    });
    try {
      const first = await Promise.race([answer, silence]);
      if (first !== silent) return first;
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
    } finally {
      clearTimeout(timer);
    }
    this.#outage = true;
    return known;
  }

  #keep<T>(key: string, policy: CachePolicy<T>, { document, since }: Held<T>): void {
    if (this.#maxAgeMs <= 0 || !policy.keeps(document)) {
      this.#held.delete(key);
      return;
    }
    const value = document === undefined ? 0 : (policy.weigh?.(document) ?? 0);
    const bytes = overheadBytes + key.length + value + (document?.content.byteLength ?? 0);
    this.#held.set(key, { document, since }, bytes);
  }
}

/** A flight that began before this reader asked: its "no" may have become wrong in between. */
async function joined<T>(
  flight: Flight<T>,
  policy: CachePolicy<T>,
  load: Load<T>,
): Promise<Found<T>> {
  const found = await flight.found;
  return policy.keeps(found) ? found : load(undefined);
}
