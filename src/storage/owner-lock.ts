/**
 * One server on one directory: a second one is refused, with the pid of the first in the message.
 *
 * Several workers of one server share the directory; they hold this lock through their parent. All
 * other locks rely on it: they take a process that they cannot see for dead.
 */
import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import { isLit, lightBeacon } from "./beacon.ts";
import { FileLocks, LockHeld } from "./file-lock.ts";
import { codeOf } from "./platform-error.ts";
import { identityIn, isAlive, ownIdentity } from "./process-identity.ts";

const ownerLock = "owner";

export class StorageInUse extends Error {
  readonly code = "STORAGE_IN_USE";
  constructor(directory: string, pid: string, options?: ErrorOptions) {
    super(`${directory} is in use by another server (process ${pid})`, options);
    this.name = "StorageInUse";
  }
}

/**
 * @returns a function that gives the directory free
 * @throws {StorageInUse} while the other server lives, in whatever container of this host; a dead
 *         server's lock is taken over
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const place = path.join(directory, "locks");
  const locks = new FileLocks(
    place,
    async (instance) => isAlive(instance) || isLit(place, beaconOf(identityIn(instance))),
  );
  await locks.prepare();
  // Lit before the lock is taken, so that there is no moment at which it looks abandoned.
  const putOut = await lightBeacon(place, beaconOf(ownIdentity)).catch((cause) => {
    if (codeOf(cause) !== "EADDRINUSE") throw cause;
    throw new StorageInUse(directory, String(process.pid), { cause });
  });
  try {
    const release = await locks.acquire(ownerLock, 0);
    await sweep(place);
    return async () => {
      await release();
      await putOut();
    };
  } catch (cause) {
    await putOut();
    if (cause instanceof LockHeld) throw new StorageInUse(directory, cause.pid, { cause });
    throw cause;
  }
}

/** Whatever else is here was left by the dead, or belongs to one who is being refused. */
async function sweep(place: string): Promise<void> {
  for (const name of await readdir(place)) {
    if (name === ownerLock || (name.startsWith("beacon-") && (await isLit(place, name)))) continue;
    await rm(path.join(place, name), { force: true });
  }
}

function beaconOf(identity: string): string {
  return `beacon-${identity}`;
}
