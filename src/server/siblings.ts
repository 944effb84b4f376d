/**
 * A worker's part in keeping the memories of all workers true: see change-hub.ts.
 *
 * Its own writes begin when the parent says that every sibling has closed the document; it closes what
 * its siblings are about to write, and trusts its own memory only while it hears from the parent.
 */
import type { DocumentCache } from "../storage/document-cache.ts";
import type { DocumentChanges } from "../storage/document-changes.ts";
import type { ChangeId, HubMessage, WorkerMessage } from "./change-hub.ts";

export class Siblings implements DocumentChanges {
  readonly #cache: DocumentCache;
  readonly #send: (message: WorkerMessage) => void;
  /** Own changes that the siblings have not all confirmed yet. */
  readonly #asked = new Map<number, () => void>();
  /** Documents that siblings are changing. */
  readonly #closed = new Map<ChangeId, () => void>();
  #last = 0;

  /**
   * @param cache with the clock that the parent's leases are told in
   * @param send  to the parent; messages arrive in order
   */
  constructor(cache: DocumentCache, send: (message: WorkerMessage) => void) {
    this.#cache = cache;
    this.#send = send;
    cache.trustUntil(0);
    send({ cache: "join" });
  }

  async begin(key: string): Promise<() => void> {
    const open = this.#cache.close(key);
    this.#last += 1;
    const number = this.#last;
    const agreed = new Promise<void>((resolve) => this.#asked.set(number, resolve));
    this.#send({ cache: "changing", number, key });
    await agreed;
    return () => {
      open();
      this.#send({ cache: "changed", number });
    };
  }

  receive(message: HubMessage): void {
    switch (message.cache) {
      case "close":
        this.#closed.set(message.change, this.#cache.close(message.key));
        this.#send({ cache: "closed", change: message.change });
        break;
      case "open":
        this.#open(message.change);
        break;
      case "go":
        this.#go(message.number);
        break;
      case "reset":
        this.#reset(message.closed);
        break;
      case "trust":
        this.#cache.trustUntil(message.until);
        break;
      case "ping":
        this.#send({ cache: "pong" });
        break;
    }
  }

  #go(number: number): void {
    this.#asked.get(number)?.();
    this.#asked.delete(number);
  }

  #open(change: ChangeId): void {
    this.#closed.get(change)?.();
    this.#closed.delete(change);
  }

  #reset(closed: readonly (readonly [ChangeId, string])[]): void {
    for (const change of [...this.#closed.keys()]) this.#open(change);
    this.#cache.clear();
    for (const [change, key] of closed) this.#closed.set(change, this.#cache.close(key));
  }
}
