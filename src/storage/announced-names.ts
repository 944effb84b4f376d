/**
 * Names in directories whose every change is announced before it happens.
 *
 * A directory of ten thousand names that somebody writes to is not read again for each page: what is
 * about to be made or removed is *doubted*, and only names in doubt are looked up. A list holds
 * whatever was acknowledged before it was asked for. Nothing is answered from here while the
 * announcements may not arrive.
 */
import type { Memory } from "./document-changes.ts";

/** Smaller directories are read again; they are many, and cheap. */
const worthKeeping = 128;
/** Names in all directories together, the least recently used go first. */
const mostNames = 250_000;
/** With more names in doubt it is cheaper to read the directory. */
const mostDoubts = 64;
/** So old a list is read anew behind an answer, in case somebody changed something unannounced. */
const recheckMs = 2000;

export interface AnnouncedNamesOptions {
  /** Names below a prefix as they are now, in order. */
  readonly read: (prefix: string) => Promise<readonly string[]>;
  readonly exists: (key: string) => Promise<boolean>;
  /** Whether all changes directly below a prefix are announced. */
  readonly isAnnounced: (prefix: string) => boolean;
  /** Monotonic milliseconds, of the same clock as what `trustUntil` is told. */
  readonly clock: () => number;
}

interface Kept {
  names: readonly string[];
  since: number;
}

interface Flight {
  readonly since: number;
  /** The last event before it. */
  readonly before: number;
}

/** Names with a number that changes whenever something happens to them. */
type Doubts = Map<string, number>;

export class AnnouncedNames implements Memory {
  readonly #options: AnnouncedNamesOptions;
  readonly #kept = new Map<string, Kept>();
  /** Of directories that are kept or being read. */
  readonly #doubts = new Map<string, Doubts>();
  /** Changes under way, whether their directory is kept or not: how many for each name. */
  readonly #closed = new Map<string, Map<string, number>>();
  readonly #flights = new Map<string, Flight>();
  #trustedUntil = 0;
  #events = 0;
  #count = 0;

  constructor(options: AnnouncedNamesOptions) {
    this.#options = options;
  }

  /** All names directly below a prefix, in order. Not to be changed. */
  async sorted(prefix: string): Promise<readonly string[]> {
    const { read, isAnnounced, clock } = this.#options;
    if (clock() >= this.#trustedUntil || !isAnnounced(prefix)) return read(prefix);
    const kept = this.#kept.get(prefix);
    const flying = this.#flights.has(prefix);
    const doubtful = (this.#doubts.get(prefix)?.size ?? 0) > mostDoubts;
    // A reading under way began before this one was asked for.
    if (!kept || doubtful) return flying ? read(prefix) : this.#start(prefix);
    if (!flying && clock() - kept.since >= recheckMs) this.#start(prefix).catch(ignore);
    return this.#settled(prefix, kept);
  }

  close(key: string): () => void {
    const end = key.lastIndexOf("/") + 1;
    const [prefix, name] = [key.slice(0, end), key.slice(end)];
    if (!this.#options.isAnnounced(prefix)) return ignore;
    const closed = this.#closed.get(prefix) ?? new Map<string, number>();
    this.#closed.set(prefix, closed);
    closed.set(name, (closed.get(name) ?? 0) + 1);
    this.#doubt(prefix, name);
    let open = false;
    return () => {
      if (open) return;
      open = true;
      this.#doubt(prefix, name);
      const others = (closed.get(name) ?? 0) - 1;
      if (others > 0) closed.set(name, others);
      else closed.delete(name);
      if (closed.size === 0 && this.#closed.get(prefix) === closed) this.#closed.delete(prefix);
    };
  }

  clear(): void {
    this.#kept.clear();
    this.#doubts.clear();
    this.#flights.clear();
    this.#count = 0;
  }

  trustUntil(time: number): void {
    this.#trustedUntil = time;
  }

  #doubt(prefix: string, name: string): void {
    this.#events += 1;
    this.#doubts.get(prefix)?.set(name, this.#events);
  }

  /** Reads the directory, and keeps it if nobody has forgotten everything meanwhile. */
  async #start(prefix: string): Promise<readonly string[]> {
    const flight: Flight = { since: this.#options.clock(), before: this.#events };
    this.#flights.set(prefix, flight);
    if (!this.#doubts.has(prefix)) this.#doubts.set(prefix, new Map());
    for (const name of this.#closed.get(prefix)?.keys() ?? []) this.#doubt(prefix, name);
    let names: readonly string[] = [];
    try {
      names = await this.#options.read(prefix);
      return names;
    } finally {
      if (this.#flights.get(prefix) === flight) this.#land(prefix, flight, names);
    }
  }

  #land(prefix: string, { since, before }: Flight, names: readonly string[]): void {
    const doubts = [...(this.#doubts.get(prefix) ?? [])];
    this.#flights.delete(prefix);
    this.#forget(prefix);
    if (!worthIt(names)) return;
    this.#kept.set(prefix, { names, since });
    // What was over before the reading began is in it.
    this.#doubts.set(prefix, new Map(doubts.filter(([, event]) => event > before)));
    this.#count += names.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#count <= mostNames) break;
      this.#forget(oldest);
    }
  }

  /** The names with every doubt looked up. */
  async #settled(prefix: string, kept: Kept): Promise<readonly string[]> {
    this.#kept.delete(prefix);
    this.#kept.set(prefix, kept);
    const doubts = this.#doubts.get(prefix);
    if (!doubts || doubts.size === 0) return kept.names;
    const asked = await Promise.all(
      [...doubts].map(async ([name, event]) => {
        return { name, event, here: await this.#options.exists(prefix + name) };
      }),
    );
    // What has happened since must not be overwritten by what was seen before.
    const certain = asked.filter(({ name, event }) => doubts.get(name) === event);
    if (this.#kept.get(prefix) === kept && this.#doubts.get(prefix) === doubts) {
      const before = kept.names.length;
      kept.names = patched(kept.names, certain);
      this.#count += kept.names.length - before;
      // A reading under way may miss what it does not doubt any more.
      if (!this.#flights.has(prefix)) this.#trust(prefix, doubts, certain);
    }
    return patched(kept.names, asked);
  }

  #trust(prefix: string, doubts: Doubts, certain: readonly { readonly name: string }[]): void {
    const closed = this.#closed.get(prefix);
    for (const { name } of certain) if (!closed?.has(name)) doubts.delete(name);
  }

  #forget(prefix: string): void {
    this.#count -= this.#kept.get(prefix)?.names.length ?? 0;
    this.#kept.delete(prefix);
    if (!this.#flights.has(prefix)) this.#doubts.delete(prefix);
  }
}

/** Changes of what is in a directory below are announced for that one. */
function worthIt(names: readonly string[]): boolean {
  return names.length >= worthKeeping && !names.some((name) => name.endsWith("/"));
}

function patched(
  names: readonly string[],
  found: readonly { readonly name: string; readonly here: boolean }[],
): readonly string[] {
  let result: readonly string[] = names;
  for (const { name, here } of found) {
    const at = placeOf(result, name);
    if ((result[at] === name) === here) continue;
    result = here ? result.toSpliced(at, 0, name) : result.toSpliced(at, 1);
  }
  return result;
}

/** Where the name stands, or would. */
function placeOf(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((names[middle] ?? "") < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

function ignore(): void {}
