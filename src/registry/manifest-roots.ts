/**
 * Makes manifests visible: root first, checks after.
 *
 * A link is written pending with its whole closure, then every digest of the closure is checked, then
 * the link is committed. Follows CONTRIBUTING.md "Storage protocol", MANIFEST PUT.
 */
import { isDeepStrictEqual } from "node:util";
import type { Digest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import { DocumentChanged } from "../storage/document.ts";
import type { BlobStore } from "./blob-store.ts";
import type { Closure } from "./closure.ts";
import { inParallel } from "./in-parallel.ts";
import type { LinkRole } from "./link-role.ts";
import type { LinkDocument, LinkFacts, ManifestLinks } from "./manifest-link.ts";
import { ManifestBlobUnknown } from "./registry-errors.ts";

/** Digests checked at the same time. */
const parallelChecks = 16;

export interface Root {
  readonly repository: RepositoryName;
  readonly manifest: Manifest;
  readonly closure: Closure;
  readonly role: LinkRole;
}

export class ManifestRoots {
  readonly #links: ManifestLinks;
  readonly #blobs: BlobStore;

  constructor(links: ManifestLinks, blobs: BlobStore) {
    this.#links = links;
    this.#blobs = blobs;
  }

  /**
   * Returns when the manifest is durable, whole and visible.
   *
   * @param renew writes the link even if nothing about it changes, so that a delete that has just
   *              read it fails
   * @returns whether it was not visible before
   * @throws {ManifestBlobUnknown} then nothing becomes visible
   */
  async commit(root: Root, renew = false): Promise<boolean> {
    for (;;) {
      const before = await this.#links.read(root.repository, root.manifest.digest);
      try {
        if (before?.value.state !== "committed") return await this.#plant(root, before);
        await this.#amend(root, { ...before, value: before.value }, renew);
        await this.#heal(root);
        return false;
      } catch (error) {
        if (!(error instanceof DocumentChanged)) throw error; // another writer: from the start
      }
    }
  }

  /** Which of these are not here. Asked after a root was written, the answer holds. */
  async absent(digests: ReadonlySet<Digest>): Promise<Digest[]> {
    const all = [...digests];
    const here = await inParallel(all, parallelChecks, (digest) => this.#blobs.exists(digest));
    return all.filter((_, position) => !here[position]);
  }

  /** The link is visible and whole; at most it learns another reason to be there. */
  async #amend(
    { repository, manifest: { digest }, role }: Root,
    before: LinkDocument & { readonly value: LinkFacts },
    renew: boolean,
  ): Promise<void> {
    const amended = { ...role.again(before.value), state: "committed" as const };
    if (!renew && sameFacts(amended, before.value)) return;
    await this.#links.write(repository, digest, before, amended);
  }

  /** What became visible whole may have lost content since, to a damaged disk. */
  async #heal({ manifest: { digest, bytes }, closure }: Root): Promise<void> {
    await this.#blobs.pushBytes(digest, bytes);
    const absent = await this.absent(closure.required);
    if (absent.length > 0) throw new ManifestBlobUnknown(absent);
  }

  async #plant(
    { repository, manifest, closure, role }: Root,
    before: LinkDocument | undefined,
  ): Promise<true> {
    const { digest, bytes } = manifest;
    const facts = role.first(factsOf(manifest, closure));
    // A pending link with the same closure is adopted, so that two equal requests do not fight.
    const pending = isPendingWith(before, facts)
      ? before
      : await this.#links.write(repository, digest, before, { state: "pending", ...facts });
    await this.#blobs.pushBytes(digest, bytes);
    const absent = await this.absent(closure.required);
    if (absent.length > 0) {
      await this.#links.write(repository, digest, pending, { state: "deleted" }).catch(moved);
      throw new ManifestBlobUnknown(absent);
    }
    await this.#links.write(repository, digest, pending, { state: "committed", ...facts });
    return true;
  }
}

function factsOf(manifest: Manifest, closure: Closure): LinkFacts {
  return {
    mediaType: manifest.mediaType,
    size: manifest.bytes.byteLength,
    closure: [...new Set([manifest.digest, ...closure.required, ...closure.optional])],
    ...(manifest.subject && { subject: manifest.subject.digest }),
  };
}

function isPendingWith(
  link: LinkDocument | undefined,
  facts: LinkFacts,
): link is LinkDocument & { value: LinkFacts } {
  return link?.value.state === "pending" && sameFacts(link.value as LinkFacts, facts);
}

function sameFacts(one: LinkFacts, other: LinkFacts): boolean {
  return isDeepStrictEqual({ ...one, state: undefined }, { ...other, state: undefined });
}

/** The link belongs to another writer by now; taking it back is not ours any more. */
function moved(error: unknown): void {
  if (!(error instanceof DocumentChanged)) throw error;
}
