/**
 * The parent's part in keeping its workers' memories of documents true.
 *
 * A worker that is about to change a document asks here; the hub has every other worker close it, and
 * lets the writer go on when all have. It waits for none longer than a *lease*: a worker answers
 * from memory only for that long after it last heard from here, so one that hangs, and wakes up
 * later, knows that it knows nothing.
 */

/** How long a worker trusts its memory after the parent's last word. */
export const leaseMs = 1000;
/** How often that word is given. */
const beatMs = 250;
/** Timers of two processes agree this well. */
const marginMs = 50;

/** Names one change of a document on its way, `<worker>:<number>`. */
export type ChangeId = string;

export type HubMessage =
  /** Close the document, and say so. */
  | { readonly cache: "close"; readonly change: ChangeId; readonly key: string }
  | { readonly cache: "open"; readonly change: ChangeId }
  /** Everybody has closed the document that you asked about. */
  | { readonly cache: "go"; readonly number: number }
  /** Forget everything; these documents are closed. */
  | { readonly cache: "reset"; readonly closed: readonly (readonly [ChangeId, string])[] }
  /** Trust your memory until then, in milliseconds of the system's monotonic clock. */
  | { readonly cache: "trust"; readonly until: number }
  /** Are you there? */
  | { readonly cache: "ping" };

export type WorkerMessage =
  | { readonly cache: "join" }
  | { readonly cache: "changing"; readonly number: number; readonly key: string }
  | { readonly cache: "changed"; readonly number: number }
  | { readonly cache: "closed"; readonly change: ChangeId }
  | { readonly cache: "pong" };

interface Member {
  readonly send: (message: HubMessage) => void;
  /** Is told of every change and gets leases. Others hear nothing until they have caught up. */
  trusted: boolean;
  /** When the last lease that it was given ends, whether it knows of it yet or not. */
  leaseEndMs: number;
}

interface Change {
  readonly key: string;
  readonly writer: number;
  readonly number: number;
  readonly waitingFor: Set<number>;
  timer?: NodeJS.Timeout;
}

/** What `performance.now()` leaves out: it counts from the start of the process. */
const startMs = Number(process.hrtime.bigint() / 1000n) / 1000 - performance.now();

/** Milliseconds of the system's monotonic clock, which all processes of a machine share. */
export function systemMs(): number {
  return startMs + performance.now();
}

export class ChangeHub {
  readonly #members = new Map<number, Member>();
  readonly #changes = new Map<ChangeId, Change>();
  readonly #beat: NodeJS.Timeout;
  readonly #clock: () => number;

  constructor(clock: () => number = systemMs) {
    this.#clock = clock;
    this.#beat = setInterval(() => this.#trustAll(), beatMs);
    this.#beat.unref();
  }

  close(): void {
    clearInterval(this.#beat);
    for (const { timer } of this.#changes.values()) clearTimeout(timer);
  }

  /** A message of worker `id`. @param send to the same worker; messages arrive in order */
  receive(id: number, message: WorkerMessage, send: Member["send"]): void {
    switch (message.cache) {
      case "join":
      case "pong":
        this.#join(id, send);
        break;
      case "changing":
        this.#start(id, message.number, message.key);
        break;
      case "changed":
        this.#end(`${id}:${message.number}`);
        break;
      case "closed":
        this.#confirm(message.change, id);
        break;
    }
  }

  /** The worker has ended: it waits for nothing, and its writes are over, one way or the other. */
  leave(id: number): void {
    this.#members.delete(id);
    for (const [change, { writer }] of this.#changes) {
      if (writer === id) this.#end(change);
      else this.#confirm(change, id);
    }
  }

  #join(id: number, send: Member["send"]): void {
    const others = [...this.#changes].filter(([, { writer }]) => writer !== id);
    const closed = others.map(([change, { key }]) => [change, key] as const);
    const member = { send, trusted: true, leaseEndMs: 0 };
    this.#members.set(id, member);
    send({ cache: "reset", closed });
    this.#trust(member);
  }

  #start(writer: number, number: number, key: string): void {
    if (!this.#members.has(writer)) return; // it has ended, this is what it said last
    const id = `${writer}:${number}`;
    const change: Change = { key, writer, number, waitingFor: new Set() };
    this.#changes.set(id, change);
    for (const [other, { send, trusted, leaseEndMs }] of this.#members) {
      if (other === writer) continue;
      if (trusted) send({ cache: "close", change: id, key });
      if (trusted || this.#clock() < leaseEndMs) change.waitingFor.add(other);
    }
    if (change.waitingFor.size === 0) this.#go(change);
    else change.timer = setTimeout(() => this.#giveUp(id), leaseMs + marginMs);
  }

  #confirm(id: ChangeId, member: number): void {
    const change = this.#changes.get(id);
    if (change?.waitingFor.delete(member) && change.waitingFor.size === 0) this.#go(change);
  }

  /** Whoever has not answered by now has no lease any more, and gets none before it does. */
  #giveUp(id: ChangeId): void {
    for (const late of this.#changes.get(id)?.waitingFor ?? []) {
      const member = this.#members.get(late);
      if (member?.trusted) {
        member.trusted = false;
        member.send({ cache: "ping" });
      }
      this.#confirm(id, late);
    }
  }

  #go(change: Change): void {
    clearTimeout(change.timer);
    this.#members.get(change.writer)?.send({ cache: "go", number: change.number });
  }

  #end(id: ChangeId): void {
    const change = this.#changes.get(id);
    if (!change) return;
    clearTimeout(change.timer);
    this.#changes.delete(id);
    for (const [other, { send, trusted }] of this.#members) {
      if (other !== change.writer && trusted) send({ cache: "open", change: id });
    }
  }

  #trustAll(): void {
    for (const member of this.#members.values()) if (member.trusted) this.#trust(member);
  }

  #trust(member: Member): void {
    member.leaseEndMs = this.#clock() + leaseMs;
    member.send({ cache: "trust", until: member.leaseEndMs });
  }
}

/** Workers and their parent say other things to each other, too. */
export function isCacheMessage(message: unknown): message is { readonly cache: string } {
  return typeof message === "object" && message !== null && "cache" in message;
}
