/** Streams bytes into a new data key while hashing them. */
import type { ObjectStore } from "../storage/object-store.ts";
import type { ContentHash } from "./content-hash.ts";

export interface DataToWrite {
  /** Written first, and not hashed: `hash` has seen it. */
  readonly before?: AsyncIterable<Buffer>;
  readonly chunks: AsyncIterable<Buffer>;
  /** Runs before the data becomes visible; when it throws, nothing is left. */
  readonly check?: () => void;
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
      const written = staged.append(chunk);
      hash.update(chunk);
      await written;
    }
    check?.();
    return await staged.commit();
  } catch (error) {
    await staged.abort();
    throw error;
  }
}
