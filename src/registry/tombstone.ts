/**
 * Documents that only say that something is not here any more.
 *
 * While anybody may still be about to write, they keep him from bringing back what was deleted. Where
 * nobody is, they can go.
 */
import type { BlobRecord } from "./blob-record.ts";
import { layout, tagOfKey } from "./layout.ts";
import type { Entry } from "./referrers.ts";
import type { Tag } from "./tag-document.ts";

/** Below these there can be any. */
export const buriedPrefixes: readonly string[] = [
  layout.records,
  layout.links,
  layout.allTags,
  layout.allReferrers,
  layout.packages,
];

/**
 * What is unfinished is none: a link whose twin has still to go, a record that says why its blob is
 * not here. Hints of tags are none either; each goes with its tombstone.
 */
export function isTombstone(key: string, value: unknown): boolean {
  if (key.startsWith(layout.records)) {
    const record = value as BlobRecord;
    return record.state === "gone" && record.damaged !== true;
  }
  if (key.startsWith(layout.allReferrers)) return !("digest" in (value as Entry));
  const { state, twin } = value as { state?: unknown; twin?: unknown };
  const buried = state === "deleted" && twin === undefined;
  return buried && buriedPrefixes.some((prefix) => key.startsWith(prefix)) && !isHint(key);
}

export function isHint(key: string): boolean {
  return key.startsWith(layout.allTags) && tagOfKey(key).hint !== undefined;
}

/** Of a tag's tombstone: the hint that goes behind it. */
export function hintOf(key: string, value: unknown): string | undefined {
  const tag = key.startsWith(layout.allTags) ? (value as Tag) : undefined;
  return tag?.state === "deleted" ? tag.hint : undefined;
}
