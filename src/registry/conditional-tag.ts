/**
 * Tags that move only where a client's condition holds (`If-Match`, `If-None-Match`).
 *
 * The condition is asked about what readers see: a tag whose manifest is gone counts as absent.
 * Between its answer and the write nobody moves the tag, because the write names what was seen.
 */
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import type { ManifestLinks } from "./manifest-link.ts";
import { TagMoved, type Tags, type TagWrite } from "./tags.ts";

/** Throws when a write must not happen where readers see this digest, or nothing. */
export type Condition = (current: Digest | undefined) => void;

interface Parts {
  readonly tags: Tags;
  readonly links: ManifestLinks;
}

/**
 * Asks without writing, so that what is refused anyway leaves nothing behind.
 *
 * @returns the digest that the tag names, readable or not
 * @throws whatever the condition throws
 */
export async function checkTag(
  { tags, links }: Parts,
  repository: RepositoryName,
  tag: string,
  condition: Condition,
): Promise<Digest | undefined> {
  const named = await tags.read(repository, tag);
  const readable = named && (await links.readCommitted(repository, named));
  condition(readable && named);
  return named;
}

/** @throws {PackageContentProtected} @throws whatever the condition throws */
export async function writeTagIf(
  condition: Condition,
  parts: Parts,
  repository: RepositoryName,
  tag: string,
  digest: Digest,
  how: TagWrite,
): Promise<void> {
  for (;;) {
    const expected = await checkTag(parts, repository, tag, condition);
    try {
      return await parts.tags.write(repository, tag, digest, { ...how, expected });
    } catch (error) {
      if (!(error instanceof TagMoved)) throw error; // another writer was first: ask again
    }
  }
}
