/**
 * Markers of blobs that were deleted through a repository, and of which nothing is left anywhere.
 *
 * A marker goes from the version that was read before its blob was found to be gone. Whoever pushes
 * the blob elsewhere and deletes it here again writes the marker anew, and that makes it stale.
 */
import type { Digest } from "../../oci/digest.ts";
import type { Documents } from "../../storage/documents.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import { ObjectDamaged } from "../../storage/store-error.ts";
import type { BlobRecord } from "../blob-record.ts";
import type { Hidden } from "../hidden-blobs.ts";
import { layout } from "../layout.ts";
import type { Cycle } from "./cycle.ts";
import { type Watched, WatchedDocuments } from "./watched-documents.ts";

export class HiddenSweeper {
  readonly #documents: Documents;
  readonly #watched: WatchedDocuments<Hidden, readonly Digest[]>;
  readonly #seenGone: (digest: Digest) => boolean;

  /** @param seenGone what was gone when it was last looked at; only these are worth a look */
  constructor(store: ObjectStore, documents: Documents, seenGone: (digest: Digest) => boolean) {
    this.#documents = documents;
    this.#seenGone = seenGone;
    this.#watched = new WatchedDocuments(store, documents, {
      prefix: layout.allHidden,
      keep: digestsIn,
      skipDamaged: true,
    });
  }

  async sweep(cycle: Cycle): Promise<void> {
    await this.#watched.scan(cycle);
    for (const hidden of this.#watched.all) {
      const candidates = hidden.kept.filter(this.#seenGone);
      if (candidates.length > 0) await cycle.tolerate(() => this.#clear(hidden, candidates, cycle));
    }
  }

  async #clear(
    hidden: Watched<readonly Digest[]>,
    candidates: readonly Digest[],
    cycle: Cycle,
  ): Promise<void> {
    const gone = new Set<Digest>();
    await cycle.pace.each(candidates, async (digest) => {
      await cycle.next();
      const record = await this.#documents.read<BlobRecord>(layout.record(digest));
      if (record?.value.state === "gone") gone.add(digest);
    });
    const cleared = await this.#watched.change(hidden, cycle, ({ digests }) =>
      gone.size === 0 ? undefined : { digests: digests.filter((digest) => !gone.has(digest)) },
    );
    if (cleared) cycle.report.tidied += gone.size;
  }
}

function digestsIn(key: string, { digests }: Hidden): readonly Digest[] {
  if (!Array.isArray(digests)) throw new ObjectDamaged(key, "it hides nothing that is known");
  return digests;
}
