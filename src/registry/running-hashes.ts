/**
 * Hash states of uploads that go on in this process.
 *
 * Node cannot store a hash state, so a chunk that continues an upload somewhere else costs a read of
 * what came since its bytes were last here: each process reads an upload once at most. The usual
 * client stays on one connection and never pays it.
 */
import type { ContentHash } from "./content-hash.ts";

const kept = 1024;

export class RunningHashes {
  readonly #hashes = new Map<string, ContentHash>();

  /** Takes the state out, if it covers no more than the first `offset` bytes, which never change. */
  take(session: string, offset: number): ContentHash | undefined {
    const hash = this.#hashes.get(session);
    this.#hashes.delete(session);
    return hash && hash.size <= offset ? hash : undefined;
  }

  keep(session: string, hash: ContentHash): void {
    this.#hashes.set(session, hash);
    const [oldest] = this.#hashes.keys();
    if (this.#hashes.size > kept && oldest !== undefined) this.#hashes.delete(oldest);
  }
}
