/**
 * Deletes tombstones that nobody can need any more: for a store that nobody writes to.
 *
 * A tombstone goes when it is older than any request that might have known what was there before.
 * Whoever calls sees to it that nobody writes meanwhile, and that no deletion of his is late.
 */
import type { Digest } from "../oci/digest.ts";
import { parseDocument } from "../storage/document.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { ObjectDamaged } from "../storage/store-error.ts";
import { layout, linkOfKey } from "./layout.ts";
import type { ManifestLink } from "./manifest-link.ts";
import { buriedPrefixes, hintOf, isHint, isTombstone } from "./tombstone.ts";

/** Milliseconds; what protects the protocol is counted in hours. */
export const purgedAfterMs = 30 * 24 * 60 * 60 * 1000;

export interface PurgedStore extends ObjectStore {
  /** Milliseconds since 1970; undefined where there is no such object. */
  writtenAt(key: string): Promise<number | undefined>;
}

export interface PurgeOptions {
  /** Milliseconds since 1970, by the clock that dates objects. */
  readonly now: number;
  readonly signal: AbortSignal;
  /** Look at everything and delete nothing. */
  readonly dryRun?: boolean;
}

export interface PurgeReport {
  /** Documents that were looked at, hints left out. */
  readonly documents: number;
  /** Tombstones that went, or would go. */
  readonly purged: number;
  /** Tombstones that are not old enough. */
  readonly kept: number;
  /** Documents that cannot be read; they stay. */
  readonly damaged: number;
}

type Counts = { -readonly [Name in keyof PurgeReport]: PurgeReport[Name] };

export async function purgeTombstones(
  store: PurgedStore,
  options: PurgeOptions,
): Promise<PurgeReport> {
  const counts: Counts = { documents: 0, purged: 0, kept: 0, damaged: 0 };
  for (const prefix of buriedPrefixes) {
    let after = "";
    for (let more = true; more; ) {
      const page = await store.list(prefix, { after });
      for (const key of page.keys) {
        options.signal.throwIfAborted();
        if (!isHint(key)) await visit(store, key, options, counts);
      }
      after = page.keys.at(-1) ?? after;
      more = page.more;
    }
  }
  return counts;
}

async function visit(
  store: PurgedStore,
  key: string,
  { now, dryRun = false }: PurgeOptions,
  counts: Counts,
): Promise<void> {
  counts.documents += 1;
  const value = await readValue(store, key, counts);
  if (value === undefined) return;
  if (!isTombstone(key, value) && !(await isFinished(store, key, value, counts))) return;
  const writtenAt = (await store.writtenAt(key)) ?? now;
  if (now - writtenAt < purgedAfterMs) {
    counts.kept += 1;
    return;
  }
  counts.purged += 1;
  if (dryRun) return;
  await store.delete(key);
  // Behind it: a hint without a tag misleads nobody, a tombstone without its hint is listed as a tag.
  const hint = hintOf(key, value);
  if (hint !== undefined) await store.delete(hint);
}

/** Of the link of a deleted manifest that had a twin: whether that is gone, too, or another's. */
async function isFinished(
  store: PurgedStore,
  key: string,
  value: unknown,
  counts: Counts,
): Promise<boolean> {
  const link = key.startsWith(layout.links) ? (value as ManifestLink) : undefined;
  if (link?.state !== "deleted" || link.twin === undefined) return false;
  const { repository, digest } = linkOfKey(key);
  const twin = await readValue(store, layout.link(repository, link.twin), counts);
  const { twinOf } = (twin ?? {}) as { twinOf?: readonly Digest[] };
  return !twinOf?.includes(digest);
}

async function readValue(store: PurgedStore, key: string, counts: Counts): Promise<unknown> {
  try {
    const loaded = await store.load(key);
    return loaded && parseDocument<unknown>(key, loaded).value;
  } catch (error) {
    if (!(error instanceof ObjectDamaged)) throw error;
    counts.damaged += 1;
    return undefined;
  }
}
