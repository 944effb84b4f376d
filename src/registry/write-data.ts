/** Streams bytes into a new data key while hashing them. */
import type { ObjectStore } from "../storage/object-store.ts";
import type { ContentHash } from "./content-hash.ts";

export interface DataToWrite {
  /** Written first, and not hashed: `hash` has seen it. */
  readonly before?: AsyncIterable<Buffer>;
  readonly chunks: AsyncIterable<Buffer>;
  /** Runs before the data becomes visible; when it throws, nothing is left. */
  readonly check?: () => void | Promise<void>;
}

/**
 * Hashing overlaps with writing. A chunk is needed only until the next one is asked for.
 *
 * @returns the bytes written
 */
export async function writeData(
  store: ObjectStore,
  key: string,
  hash: ContentHash,
  { before, chunks, check }: DataToWrite,
): Promise<number> {
  const staged = await store.stage(key);
  try {
    for await (const chunk of before ?? []) await staged.append(chunk);
    for await (const chunk of chunks) {
      // Both are begun before either is waited for, and both have let go of the chunk behind it.
      await together(staged.append(chunk), hash.update(chunk));
    }
    await check?.();
    return await staged.commit();
  } catch (error) {
    await staged.abort();
    throw error;
  }
}

/** Settles when both have; rejects with the first failure. */
async function together(one: Promise<void>, other: Promise<void> | undefined): Promise<void> {
  const ends = await Promise.allSettled([one, other]);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
