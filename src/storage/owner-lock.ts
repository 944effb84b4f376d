/**
 * One server on one directory: a second one is refused, with the pid of the first in the message.
 *
 * Several workers of one server share the directory; they hold this lock through their parent.
 */
import path from "node:path";
import { FileLocks, LockHeld } from "./file-lock.ts";

export class StorageInUse extends Error {
  readonly code = "STORAGE_IN_USE";
  constructor(directory: string, pid: string, options?: ErrorOptions) {
    super(`${directory} is in use by another server (process ${pid})`, options);
    this.name = "StorageInUse";
  }
}

/**
 * @returns a function that gives the directory free
 * @throws {StorageInUse} while the other server lives; a dead server's lock is taken over
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const locks = new FileLocks(path.join(directory, "locks"));
  await locks.prepare();
  try {
    return await locks.acquire("owner", 0);
  } catch (cause) {
    if (cause instanceof LockHeld) throw new StorageInUse(directory, cause.pid, { cause });
    throw cause;
  }
}
