/** Streams bytes into a new data key while hashing them. */
import type { ObjectStore } from "../storage/object-store.ts";
import type { ContentHash } from "./content-hash.ts";

/**
 * Hashing overlaps with writing.
 *
 * @param chunks each valid only until the next is asked for
 * @param check  runs before the data becomes visible; when it throws, nothing is left
 * @returns the bytes written
 */
export async function writeData(
  store: ObjectStore,
  key: string,
  hash: ContentHash,
  chunks: AsyncIterable<Buffer>,
  check: () => void = () => undefined,
): Promise<number> {
  const staged = await store.stage(key);
  try {
    for await (const chunk of chunks) {
      const written = staged.append(chunk);
      hash.update(chunk);
      await written;
    }
    check();
    return await staged.commit();
  } catch (error) {
    await staged.abort();
    throw error;
  }
}
