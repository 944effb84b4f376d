/**
 * Blobs that were deleted through one repository.
 *
 * Content is global, so deleting a blob only hides it where it was deleted, until it is pushed,
 * mounted or referenced there again. Nearly every repository has no such document.
 */
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import type { Documents } from "../storage/document.ts";
import { layout } from "./layout.ts";

interface Hidden {
  readonly digests: readonly Digest[];
}

export class HiddenBlobs {
  readonly #documents: Documents;

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  async has(repository: RepositoryName, digest: Digest): Promise<boolean> {
    const hidden = await this.#documents.read<Hidden>(layout.hidden(repository));
    return hidden?.value.digests.includes(digest) ?? false;
  }

  async hide(repository: RepositoryName, digest: Digest): Promise<void> {
    await this.#documents.update<Hidden>(layout.hidden(repository), (current) => {
      const digests = current?.digests ?? [];
      return digests.includes(digest) ? undefined : { digests: [...digests, digest] };
    });
  }

  async reveal(repository: RepositoryName, shown: ReadonlySet<Digest>): Promise<void> {
    await this.#documents.update<Hidden>(layout.hidden(repository), (current) => {
      const digests = current?.digests.filter((digest) => !shown.has(digest)) ?? [];
      return digests.length === (current?.digests.length ?? 0) ? undefined : { digests };
    });
  }
}
