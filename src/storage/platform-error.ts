/** Turns what the platform says into the errors of the ObjectStore port, and back into nothing. */
import { StoreFull, StoreUnavailable } from "./store-error.ts";

/** Platform errors become the port's; the port's own pass. */
export async function explained<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (isFull(cause)) throw new StoreFull({ cause });
    const code = codeOf(cause);
    if (code !== undefined && "syscall" in (cause as object)) {
      throw new StoreUnavailable(`${what} failed (${code})`, { cause });
    }
    throw cause;
  }
}

/** No blocks, no inodes, or over quota. */
export function isFull(error: unknown): boolean {
  return codeOf(error) === "ENOSPC" || codeOf(error) === "EDQUOT";
}

/** @returns undefined when the file, or a directory on the way to it, is not there */
export async function unlessAbsent<T>(result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}
