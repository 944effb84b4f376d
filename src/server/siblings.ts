/**
 * A worker's part in keeping the memories of all workers true: see change-hub.ts.
 *
 * Its own writes begin when the parent says that every sibling has closed the document; it closes what
 * its siblings are about to write, and trusts its own memory only while it hears from the parent.
 */
import type { DocumentChanges, Memory } from "../storage/document-changes.ts";
import type { ChangeId, HubMessage, WorkerMessage } from "./change-hub.ts";

export class Siblings implements DocumentChanges {
  readonly #memory: Memory;
  readonly #send: (message: WorkerMessage) => void;
  /** Own changes that the siblings have not all confirmed yet. */
  readonly #asked = new Map<number, () => void>();
  /** Documents that siblings are changing. */
  readonly #closed = new Map<ChangeId, () => void>();
  #last = 0;

  /**
   * @param memory with the clock that the parent's leases are told in
   * @param send  to the parent; messages arrive in order
   */
  constructor(memory: Memory, send: (message: WorkerMessage) => void) {
    this.#memory = memory;
    this.#send = send;
    memory.trustUntil(0);
    send({ cache: "join" });
  }

  async begin(key: string): Promise<() => void> {
    const open = this.#memory.close(key);
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
        this.#closed.set(message.change, this.#memory.close(message.key));
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
        this.#memory.trustUntil(message.until);
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
    this.#memory.clear();
    for (const [change, key] of closed) this.#closed.set(change, this.#memory.close(key));
  }
}
