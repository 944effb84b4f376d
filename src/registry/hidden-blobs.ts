/**
 * Blobs that were deleted through one repository.
 *
 * Content is global, so deleting a blob only hides it where it was deleted, until it is pushed,
 * mounted or referenced there again. Nearly every repository has no such document. It is read with
 * every blob that is pulled, so its length is bounded.
 */
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import { unlessChanged } from "../storage/document.ts";
import type { CachePolicy } from "../storage/document-cache.ts";
import type { Documents } from "../storage/documents.ts";
import type { RecentDocuments, Recollection } from "../storage/recent-documents.ts";
import { layout } from "./layout.ts";
import { TooManyHidden } from "./registry-errors.ts";

/** With this many the document has a few hundred kilobytes. */
export const mostHidden = 4096;

export interface Hidden {
  readonly digests: readonly Digest[];
}

/** Also in place of a damaged document: what it hid is seen again, which anybody may. */
const nothing: Hidden = { digests: [] };

/** To be hidden is to be absent, so what hides something is never kept. */
const policy: CachePolicy<Hidden> = {
  keeps: (document) => document === undefined || document.value.digests.length === 0,
};

export class HiddenBlobs {
  readonly #documents: Documents;
  readonly #recent: RecentDocuments;
  /** Whether the registry has the blob at all, whatever is hidden. */
  readonly #isHere: (digest: Digest) => Promise<boolean>;

  constructor(
    documents: Documents,
    recent: RecentDocuments,
    isHere: (digest: Digest) => Promise<boolean>,
  ) {
    this.#documents = documents;
    this.#recent = recent;
    this.#isHere = isHere;
  }

  /** For readers. */
  async has(repository: RepositoryName, digest: Digest): Promise<boolean> {
    const hidden = await this.#recent.read(layout.hidden(repository), policy);
    return hidden?.value.digests.includes(digest) ?? false;
  }

  /** The same without waiting: that it is not hidden. Undefined when the store has to be asked. */
  recallShown(repository: RepositoryName, digest: Digest): Recollection<true> | undefined {
    const ground = this.#recent.recall(layout.hidden(repository), policy);
    if (!ground || ground.document?.value.digests.includes(digest)) return undefined;
    return { value: true, grounds: [ground] };
  }

  /**
   * Writes also when the blob is hidden already, so that whoever has just seen that it is not here,
   * and needs no marker, is late.
   *
   * @throws {TooManyHidden}
   */
  async hide(repository: RepositoryName, digest: Digest): Promise<void> {
    await this.#makeRoom(repository);
    await this.#documents.update<Hidden>(
      layout.hidden(repository),
      (current) => {
        const digests = current?.digests ?? [];
        if (digests.includes(digest)) return { digests };
        if (digests.length >= mostHidden) throw new TooManyHidden(repository);
        return { digests: [...digests, digest] };
      },
      nothing,
    );
  }

  async reveal(repository: RepositoryName, shown: ReadonlySet<Digest>): Promise<void> {
    await this.#documents.update<Hidden>(
      layout.hidden(repository),
      (current) => {
        const digests = current?.digests.filter((digest) => !shown.has(digest)) ?? [];
        return digests.length === (current?.digests.length ?? 0) ? undefined : { digests };
      },
      nothing,
    );
  }

  /** What was collected meanwhile cannot be seen anywhere, and needs no hiding. */
  async #makeRoom(repository: RepositoryName): Promise<void> {
    const hidden = await this.#documents.readOver<Hidden>(layout.hidden(repository), nothing);
    if (hidden === undefined || hidden.value.digests.length < mostHidden) return;
    const { digests } = hidden.value;
    const here: Digest[] = [];
    for (const digest of digests) if (await this.#isHere(digest)) here.push(digest);
    if (here.length === digests.length) return;
    // From this very version: what was pushed and hidden since is in a newer one.
    await this.#documents.replace(hidden, { value: { digests: here } }).catch(unlessChanged);
  }
}
