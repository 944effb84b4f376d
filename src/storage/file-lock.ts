/**
 * A mutual exclusion between processes on one directory, without waiting for dead owners.
 *
 * A lock is a symbolic link: made only if absent, and carrying its owner's identity from the first
 * moment. The lock of a dead process is broken by whoever first makes the claim on exactly that
 * lock instance, so two breakers can never remove a lock that a third has just taken.
 */
import { mkdir, readlink, symlink, unlink } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { KeyedQueue } from "./keyed-queue.ts";
import { isAlive, ownIdentity } from "./process-identity.ts";
import { StoreUnavailable } from "./store-error.ts";

const patienceMs = 30_000;
let instances = 0;

/** Every lock instance has a name of its own, so that a claim on one never hits the next. */
function newInstance(): string {
  instances += 1;
  return `${ownIdentity}_${instances}`;
}

export class LockHeld extends Error {
  /** Of the process that holds the lock. */
  readonly pid: string;
  constructor(file: string, owner: string | undefined) {
    super(`${file} is held by another process`);
    this.name = "LockHeld";
    this.pid = owner?.split("_")[1] ?? "unknown";
  }
}

/** Whether the process that a lock instance belongs to may still be there. */
export type Liveness = (instance: string) => boolean | Promise<boolean>;

export class FileLocks {
  readonly #directory: string;
  readonly #isAlive: Liveness;
  /** Waiters of this process queue here, so that they do not poll the directory. */
  readonly #queue = new KeyedQueue();

  constructor(directory: string, alive: Liveness = isAlive) {
    this.#directory = directory;
    this.#isAlive = alive;
  }

  async prepare(): Promise<void> {
    await mkdir(this.#directory, { recursive: true });
  }

  /** Runs `work` while no other process or caller holds `name` (letters, digits, `-`). */
  hold<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.#queue.run(name, () => this.#locked(name, work));
  }

  async #locked<T>(name: string, work: () => Promise<T>): Promise<T> {
    const release = await this.acquire(name, patienceMs).catch(explain);
    try {
      return await work();
    } finally {
      await release();
    }
  }

  /**
   * Takes a lock for as long as the caller likes.
   *
   * @returns a function that gives it back
   * @throws {LockHeld} when its living owner did not give it back in time
   */
  async acquire(name: string, patience: number): Promise<() => Promise<void>> {
    const file = path.join(this.#directory, name);
    const instance = newInstance();
    const deadline = performance.now() + patience;
    for (let pauseMs = 0.2; ; pauseMs = Math.min(pauseMs * 2, 20)) {
      if (await link(instance, file)) return () => unlink(file);
      if (await this.#breakStale(file)) continue;
      if (performance.now() >= deadline) throw new LockHeld(file, await target(file));
      await sleep(pauseMs * (0.5 + Math.random()));
    }
  }

  /** @returns true when the lock is gone and worth trying again at once */
  async #breakStale(file: string): Promise<boolean> {
    const owner = await target(file);
    if (owner === undefined) return true;
    if ((await this.#isAlive(owner)) || !(await this.#claim(owner))) return false;
    // The claim is ours alone and its earlier claimants are dead: only we can remove this instance.
    if ((await target(file)) === owner) await unlink(file);
    return true;
  }

  /** One claim a lock instance; a dead claimant's claim is claimed in turn. */
  async #claim(instance: string): Promise<boolean> {
    const file = path.join(this.#directory, `stale-${instance}`);
    if (await link(newInstance(), file)) return true;
    const claimant = await target(file);
    if (claimant === undefined || (await this.#isAlive(claimant))) return false;
    return this.#claim(claimant);
  }
}

function explain(cause: unknown): never {
  if (cause instanceof LockHeld) throw new StoreUnavailable(cause.message, { cause });
  throw cause;
}

async function link(content: string, file: string): Promise<boolean> {
  try {
    await symlink(content, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function target(file: string): Promise<string | undefined> {
  try {
    return await readlink(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
