/**
 * Stamps and sizes of files. A stamp tells, without reading a file, that it is still the same.
 *
 * A document is replaced by another file, whose number may be one that was freed before. So the stamp
 * holds the change time, too, and there is none while a change could still happen within the same
 * tick of the clock.
 */
import { stat } from "node:fs/promises";
import path from "node:path";
import { unlessAbsent } from "./platform-error.ts";

/** Some file systems keep times in steps of two seconds. */
const coarsestTickMs = 2_500;
/** Files looked at at the same time. */
const atOnce = 32;

/**
 * @param now milliseconds, by the clock that stamps files
 * @returns a stamp for each key, undefined where a change would not show, or the file is gone
 */
export function stampFiles(
  root: string,
  keys: readonly string[],
  now: () => number = Date.now,
): Promise<(string | undefined)[]> {
  return ofEach(root, keys, (file) => stampFile(file, now));
}

/** @returns bytes of the file of each key, undefined where it is gone */
export function sizeFiles(root: string, keys: readonly string[]): Promise<(number | undefined)[]> {
  return ofEach(root, keys, async (file) => (await unlessAbsent(stat(file)))?.size);
}

async function ofEach<T>(
  root: string,
  keys: readonly string[],
  look: (file: string) => Promise<T>,
): Promise<T[]> {
  const found: T[] = [];
  for (let start = 0; start < keys.length; start += atOnce) {
    const some = keys.slice(start, start + atOnce);
    found.push(...(await Promise.all(some.map((key) => look(path.join(root, key))))));
  }
  return found;
}

async function stampFile(file: string, now: () => number): Promise<string | undefined> {
  // The clock first: time that passes between the two must not make a young file look old.
  const asked = now();
  const state = await unlessAbsent(stat(file, { bigint: true }));
  if (state === undefined || Number(state.ctimeNs / 1_000_000n) + coarsestTickMs >= asked) {
    return undefined;
  }
  const { ino, size, ctimeNs } = state;
  return [ino, size, ctimeNs].map((part) => part.toString(36)).join("-");
}
