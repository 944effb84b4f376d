/**
 * Documents under compare-and-swap: everything in a registry that changes.
 *
 * Each write carries the id of its transaction. An answer other than success only means "maybe": the
 * document is read again and the id tells whether the write happened. Source:
 * CONTRIBUTING.md "Storage protocol".
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type Document,
  DocumentChanged,
  DocumentDamaged,
  encodeDocument,
  parseDocument,
} from "./document.ts";
import type { DocumentChanges } from "./document-changes.ts";
import { KeyedQueue } from "./keyed-queue.ts";
import type { ObjectStore, Precondition, Revision } from "./object-store.ts";
import { PreconditionFailed, StoreFull, StoreUnavailable } from "./store-error.ts";

/** How many ids of past transactions a document with several writers remembers. */
const remembered = 64;
/** How often, and for how long, one write is sent again while it is not known to have happened. */
const repeats = 20;
const patienceMs = 30_000;
/** How often an update may find another writer first. */
const losses = 100;
const nothing = Buffer.alloc(0);
/**
 * Of a state that was written and replaced by others before its writer learned of it. No document has
 * it, so whoever goes on from that state is refused like anybody who is late.
 */
const superseded = "superseded" as Revision;

export interface NewState<T> {
  readonly value: T;
  readonly content?: Uint8Array;
}

export class Documents {
  readonly #store: ObjectStore;
  readonly #changes: DocumentChanges | undefined;
  /** Updates of one process take turns, so that only writers of other processes can be in the way. */
  readonly #updates = new KeyedQueue();

  /** @param changes told of every write, for those who answer from memory */
  constructor(store: ObjectStore, changes?: DocumentChanges) {
    this.#store = store;
    this.#changes = changes;
  }

  /**
   * Sees every acknowledged write.
   *
   * @param known returned as it is when nothing has changed since
   * @throws {DocumentDamaged}
   */
  async read<T>(key: string, known?: Document<T>): Promise<Document<T> | undefined> {
    const loaded = await this.#store.load(key, known?.revision);
    if (loaded === undefined || loaded.revision === known?.revision) return loaded && known;
    return parseDocument<T>(key, loaded);
  }

  /**
   * Like `read`, with a value to go on from in place of what is damaged. Whoever writes on top of it
   * replaces exactly the bytes that were found.
   */
  async readOver<T>(key: string, instead: T): Promise<Document<T> | undefined> {
    try {
      return await this.read<T>(key);
    } catch (error) {
      if (!(error instanceof DocumentDamaged)) throw error;
      const { revision } = error;
      return { key, value: instead, content: nothing, generation: 0, revision, transactions: [] };
    }
  }

  /** @throws {DocumentChanged} when the document exists already */
  create<T>(key: string, state: NewState<T>): Promise<Document<T>> {
    return this.#write(key, undefined, state, newTransaction());
  }

  /** @throws {DocumentChanged} when `current` is not the newest state any more */
  replace<T>(current: Document<T>, state: NewState<T>): Promise<Document<T>> {
    return this.#write(current.key, current, state, newTransaction());
  }

  /**
   * Applies `change` to the newest state until it is accepted. The change may run several times.
   * Raw bytes of the document stay as they are.
   *
   * @param change returns the new value, or undefined to leave the document as it is
   * @param over   what a damaged document counts as; without it a damaged one is not written over
   * @throws {StoreUnavailable} when writers of other processes win 100 times in a row
   */
  update<T>(
    key: string,
    change: (current: T | undefined) => T | undefined,
    over?: T,
  ): Promise<Document<T> | undefined> {
    const read = () => (over === undefined ? this.read<T>(key) : this.readOver<T>(key, over));
    return this.#updates.run(key, () => this.#update(key, read, change));
  }

  /** Only for documents whose key is never used again. */
  async remove(key: string): Promise<void> {
    const end = await this.#changes?.begin(key, true);
    try {
      await this.#store.delete(key);
    } finally {
      end?.();
    }
  }

  async #update<T>(
    key: string,
    read: () => Promise<Document<T> | undefined>,
    change: (current: T | undefined) => T | undefined,
  ): Promise<Document<T> | undefined> {
    const transaction = newTransaction();
    let current = await read();
    for (let lost = 0; lost < losses; lost += 1) {
      const value = change(current?.value);
      if (value === undefined) return current;
      const content = current?.content ?? nothing;
      try {
        return await this.#write(key, current, { value, content }, transaction);
      } catch (error) {
        if (!(error instanceof DocumentChanged)) throw error;
        // A short pause: who waits longer than the winners write never wins. And a read behind it:
        // what was read before is old by then.
        await pause(Math.min(lost, 2));
        current = await read();
      }
    }
    throw new StoreUnavailable(`too many writers of ${key}`);
  }

  async #write<T>(
    key: string,
    expected: Document<T> | undefined,
    state: NewState<T>,
    transaction: string,
  ): Promise<Document<T>> {
    // Before the write: a process that dies behind it could not tell anybody any more.
    const end = await this.#changes?.begin(key, expected !== undefined);
    try {
      return await this.#send(key, expected, state, transaction);
    } finally {
      end?.();
    }
  }

  async #send<T>(
    key: string,
    expected: Document<T> | undefined,
    { value, content = nothing }: NewState<T>,
    transaction: string,
  ): Promise<Document<T>> {
    const generation = (expected?.generation ?? 0) + 1;
    const transactions = [transaction, ...(expected?.transactions ?? [])].slice(0, remembered);
    const bytes = encodeDocument({ generation, transactions, value }, content);
    const precondition: Precondition = expected
      ? { revision: expected.revision }
      : { absent: true };

    const written = { key, value, content: Buffer.from(content), generation, transactions };
    const deadline = performance.now() + patienceMs;
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await this.#store
        .save(key, bytes, precondition)
        .catch((error: unknown) => possiblyWritten(error, attempt));
      if (!(outcome instanceof Error)) return { ...written, revision: outcome };
      const revision = await this.#accepted(written, expected?.revision);
      if (revision !== undefined) return { ...written, revision };
      if (attempt === repeats || performance.now() > deadline) {
        throw new StoreUnavailable(`cannot write ${key}`, { cause: outcome });
      }
      await pause(attempt);
    }
  }

  /**
   * Whether a write whose answer is not known has happened.
   *
   * @returns the revision that it made, undefined when nothing has changed
   * @throws {DocumentChanged} when it has not and never will
   */
  async #accepted<T>(
    { key, transactions: [own = ""] }: Omit<Document<T>, "revision">,
    expected: Revision | undefined,
  ): Promise<Revision | undefined> {
    const current = await this.read<T>(key);
    const age = current?.transactions.indexOf(own) ?? -1;
    if (age >= 0) return age === 0 ? current?.revision : superseded;
    if (current?.revision !== expected) throw new DocumentChanged(key, current);
    return undefined;
  }
}

/**
 * Full stores and mistakes of ours are certain; all else leaves open whether the write happened. A
 * full store that refuses a repetition says nothing about the earlier attempts.
 */
function possiblyWritten(
  error: unknown,
  attempt: number,
): PreconditionFailed | StoreUnavailable | StoreFull {
  if (error instanceof PreconditionFailed || error instanceof StoreUnavailable) return error;
  if (error instanceof StoreFull && attempt > 0) return error;
  throw error;
}

function newTransaction(): string {
  return randomBytes(12).toString("base64url");
}

/** Jitter keeps losers of one race from racing again in step. */
function pause(attempt: number): Promise<void> {
  const ceilingMs = Math.min(200, 5 * 2 ** attempt);
  return sleep(ceilingMs * Math.random());
}
