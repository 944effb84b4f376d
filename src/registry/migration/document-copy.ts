/**
 * Copies documents byte for byte, generation and transactions included; tombstones stay behind.
 *
 * A tombstone protects names from requests that are still under way. None is, in a storage that no
 * server has used yet. A deleted link whose twin has still to go is copied: it is unfinished work.
 */
import { parseDocument } from "../../storage/document.ts";
import type { LoadedObject } from "../../storage/object-store.ts";
import { ObjectDamaged } from "../../storage/store-error.ts";
import { isHint, isTombstone } from "../tombstone.ts";
import type { MigrationWork } from "./migration-work.ts";

/** Brings one document of the target to the state that it has in the source. */
export async function bringDocument(work: MigrationWork, key: string): Promise<void> {
  const loaded = await work.source.load(key);
  const before = await work.target.load(key);
  try {
    if (loaded && !staysBehind(key, loaded)) return await copyDocument(work, key, loaded, before);
  } catch (error) {
    if (!(error instanceof ObjectDamaged)) throw error;
    return work.damaged(key, error);
  }
  if (before) await removeDocument(work, key);
}

export async function copyDocument(
  work: MigrationWork,
  key: string,
  { bytes }: LoadedObject,
  before: LoadedObject | undefined,
): Promise<void> {
  if (before?.bytes.equals(bytes)) return;
  const precondition = before ? { revision: before.revision } : ({ absent: true } as const);
  await work.target.save(key, bytes, precondition);
  work.copied({ documents: 1 });
}

export async function removeDocument(work: MigrationWork, key: string): Promise<void> {
  await work.target.delete(key);
  work.copied({ documents: 1 });
}

function staysBehind(key: string, loaded: LoadedObject): boolean {
  return isHint(key) || isTombstone(key, parseDocument<unknown>(key, loaded).value);
}
