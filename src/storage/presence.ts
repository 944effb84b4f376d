/**
 * Notices a second server on a store that cannot arbitrate between two.
 *
 * Each keeps a document alive by writing it anew; whoever starts watches the documents of others for
 * longer than that takes. No clock of another machine is compared: a document lives when it changes.
 */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Document } from "./document.ts";
import type { Documents } from "./documents.ts";
import { StorageRefused } from "./format.ts";
import type { ObjectStore } from "./object-store.ts";

export interface PresenceOptions {
  /** Between two signs of life. */
  readonly periodMs?: number;
  /** Told when another server shows up all the same, or a sign of life could not be written. */
  readonly onError: (error: unknown) => void;
}

interface Beat {
  readonly count: number;
}

const usualPeriodMs = 2000;

/**
 * @param prefix of the keys of all servers, ends with `/`
 * @returns a function that ends the signs of life
 * @throws {StorageRefused} while another server gives signs of life
 */
export async function announcePresence(
  store: ObjectStore,
  documents: Documents,
  prefix: string,
  { periodMs = usualPeriodMs, onError }: PresenceOptions,
): Promise<() => Promise<void>> {
  const before = await beats(store, documents, prefix);
  const key = `${prefix}${randomUUID()}`;
  let own = await documents.create<Beat>(key, { value: { count: 0 } });
  try {
    // Only who left something behind can still be there; but two may start at the same moment.
    if (before.size > 0) await sleep(2.5 * periodMs);
    const now = await beats(store, documents, prefix);
    now.delete(key);
    const alive = [...now].some(([name, generation]) => before.get(name) !== generation);
    if (alive) throw otherServer();
    for (const dead of now.keys()) await documents.remove(dead);
  } catch (error) {
    await documents.remove(key).catch(() => undefined); // it will be taken for dead soon
    throw error;
  }
  const stop = new AbortController();
  const beating = (async () => {
    while (await pause(periodMs, stop.signal)) {
      try {
        own = await documents.replace<Beat>(own, { value: { count: own.value.count + 1 } });
        const others = await beats(store, documents, prefix);
        if (others.size > 1) throw otherServer();
      } catch (error) {
        onError(error);
      }
    }
  })();
  return async () => {
    stop.abort();
    await beating;
    await documents.remove(key).catch(onError);
  };
}

/** @returns the generation of each document */
async function beats(
  store: ObjectStore,
  documents: Documents,
  prefix: string,
): Promise<Map<string, number>> {
  const { keys } = await store.list(prefix);
  const found = new Map<string, number>();
  for (const key of keys) {
    const beat: Document<Beat> | undefined = await documents.read<Beat>(key);
    if (beat) found.set(key, beat.generation);
  }
  return found;
}

/** @returns false when it was stopped */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return sleep(ms, true, { signal, ref: false }).catch(() => false);
}

function otherServer(): StorageRefused {
  return new StorageRefused(
    "another server uses this bucket and path, and the store cannot arbitrate between two",
  );
}
