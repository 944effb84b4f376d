/**
 * Names in a directory, in order, kept for as long as the directory has not changed.
 *
 * Reading and sorting ten thousand names costs a hundred times as much as a page of them. What was
 * read is used again while the directory's change time is the same, and only if it was read so long
 * after that time that a later change must have another one: times have a granularity.
 */
import { readdir, stat } from "node:fs/promises";

/** Smaller directories are read again; they are many, and cheap. */
const worthKeeping = 128;
/** Names in all directories together, the least recently used go first. */
const mostNames = 250_000;
/** Kernels tick every 1 to 10 ms. */
const fineTickMs = 100;
/** File systems that keep whole milliseconds may keep whole seconds. */
const coarseTickMs = 2_500;

export interface DirectoryState {
  /** Differs after a change, unless the change was within one tick of the clock. Nanoseconds. */
  readonly changed: bigint;
  /** Whether it is known to hold no directories. */
  readonly flat: boolean;
}

interface Kept {
  readonly changed: bigint;
  /** When this process first saw `changed`, on its own clock. */
  readonly since: number;
  /** Undefined while a change could go unnoticed. */
  readonly names?: readonly string[];
}

interface Flight {
  readonly running: Promise<readonly string[]>;
  next?: Promise<readonly string[]>;
}

export interface DirectoryNamesOptions {
  /** Monotonic milliseconds. */
  readonly clock?: () => number;
  readonly stateOf?: (directory: string) => Promise<DirectoryState>;
}

export class DirectoryNames {
  readonly #clock: () => number;
  readonly #stateOf: (directory: string) => Promise<DirectoryState>;
  readonly #kept = new Map<string, Kept>();
  readonly #flights = new Map<string, Flight>();
  #count = 0;

  constructor(options: DirectoryNamesOptions = {}) {
    this.#clock = options.clock ?? (() => performance.now());
    this.#stateOf = options.stateOf ?? stateOf;
  }

  /** Directories have a trailing `/`, so that they sort where their keys do. Not to be changed. */
  async sorted(directory: string): Promise<readonly string[]> {
    const kept = this.#kept.get(directory);
    if (kept?.names && (await this.#stateOf(directory)).changed === kept.changed) {
      this.#kept.delete(directory);
      this.#kept.set(directory, kept);
      return kept.names;
    }
    return this.#join(directory);
  }

  /** Many who ask at once share one reading, but never one that began before they asked. */
  #join(directory: string): Promise<readonly string[]> {
    const flight = this.#flights.get(directory);
    if (!flight) return this.#start(directory);
    flight.next ??= flight.running.then(ignore, ignore).then(() => this.#start(directory));
    return flight.next;
  }

  #start(directory: string): Promise<readonly string[]> {
    const flight: Flight = {
      running: this.#read(directory).finally(() => {
        if (flight.next === undefined) this.#flights.delete(directory);
      }),
    };
    this.#flights.set(directory, flight);
    return flight.running;
  }

  async #read(directory: string): Promise<readonly string[]> {
    const { changed, flat } = await this.#stateOf(directory);
    const now = this.#clock();
    const names = await this.#names(directory, flat);
    const before = this.#kept.get(directory);
    const since = before?.changed === changed ? before.since : now;
    const noticed = now - since >= tickOf(changed);
    this.#forget(directory);
    if (names.length >= worthKeeping) {
      this.#keep(directory, { changed, since, ...(noticed && { names }) });
    }
    return names;
  }

  async #names(directory: string, flat: boolean): Promise<readonly string[]> {
    if (flat) {
      const names = await readdir(directory);
      // Directories are only ever made: where there is none now, there was none among the names.
      if ((await this.#stateOf(directory)).flat) return names.sort();
    }
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort();
  }

  #keep(directory: string, kept: Kept): void {
    this.#kept.set(directory, kept);
    this.#count += kept.names?.length ?? 0;
    for (const oldest of this.#kept.keys()) {
      if (this.#count <= mostNames) break;
      this.#forget(oldest);
    }
  }

  #forget(directory: string): void {
    this.#count -= this.#kept.get(directory)?.names?.length ?? 0;
    this.#kept.delete(directory);
  }
}

/** The change time, as nobody can set it back. */
async function stateOf(directory: string): Promise<DirectoryState> {
  const { ctimeNs, nlink } = await stat(directory, { bigint: true });
  // Each subdirectory adds a link; file systems that do not count them say 1.
  return { changed: ctimeNs, flat: nlink === 2n };
}

function tickOf(changed: bigint): number {
  return changed % 1_000_000n === 0n ? coarseTickMs : fineTickMs;
}

/** Whoever asked for that reading is told; others only wait for its end. */
function ignore(): void {}
