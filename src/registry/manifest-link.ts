/**
 * Manifest links: one document per repository and manifest, the roots that keep content alive.
 *
 * ```
 * (none) → pending → committed ⇄ deleted
 * ```
 *
 * A link is written pending with its whole closure, then every digest of the closure is checked,
 * then it becomes committed and visible. A crash in between leaves nothing that anybody sees.
 */
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import { type Document, DocumentChanged } from "../storage/document.ts";
import type { CachePolicy } from "../storage/document-cache.ts";
import type { Documents } from "../storage/documents.ts";
import type { RecentDocuments, Recollection } from "../storage/recent-documents.ts";
import { layout } from "./layout.ts";
import { PackageContentProtected } from "./registry-errors.ts";

export interface LinkFacts {
  readonly mediaType: string;
  /** Bytes of the manifest. */
  readonly size: number;
  /** The manifest and every digest below it that was present and required, transitively. */
  readonly closure: readonly Digest[];
  /** The Docker schema 2 equivalent of this OCI manifest, for clients that read nothing else. */
  readonly twin?: Digest;
  /**
   * Set on what is here only as a twin: the manifests it was rendered from, with the last of which it
   * goes. Absent when it was put itself.
   */
  readonly twinOf?: readonly Digest[];
  readonly subject?: Digest;
  /** Written by publishing a package; changes with the package only. */
  readonly ofPackage?: boolean;
  /** Of a package, and put by a client, too: it then outlives the package. */
  readonly ofClient?: boolean;
}

export type ManifestLink =
  | ({ readonly state: "pending" | "committed" } & LinkFacts)
  | {
      readonly state: "deleted";
      /** Has to go, too, which may have been interrupted. */
      readonly twin?: Digest;
    };

export type CommittedLink = { readonly state: "committed" } & LinkFacts;

export type LinkDocument = Document<ManifestLink>;

const policy: CachePolicy<ManifestLink> = {
  keeps: (document) => document?.value.state === "committed",
  weigh: ({ value }) => ("closure" in value ? value.closure.length * 100 : 0),
};

export class ManifestLinks {
  readonly #documents: Documents;
  readonly #recent: RecentDocuments;

  constructor(documents: Documents, recent: RecentDocuments) {
    this.#documents = documents;
    this.#recent = recent;
  }

  /** For writers: a damaged link counts as deleted, so that putting the manifest again heals it. */
  read(repository: RepositoryName, digest: Digest): Promise<LinkDocument | undefined> {
    const damaged = { state: "deleted" } as const;
    return this.#documents.readOver<ManifestLink>(layout.link(repository, digest), damaged);
  }

  /** What readers see: pending and deleted are absent. */
  async readCommitted(
    repository: RepositoryName,
    digest: Digest,
  ): Promise<CommittedLink | undefined> {
    return committedIn(await this.read(repository, digest));
  }

  /** The same for those who only read: what this server knows, or what was so a moment ago. */
  async find(repository: RepositoryName, digest: Digest): Promise<CommittedLink | undefined> {
    return committedIn(await this.#recent.read(layout.link(repository, digest), policy));
  }

  /** The same without waiting; undefined when the store has to be asked. */
  recall(repository: RepositoryName, digest: Digest): Recollection<CommittedLink> | undefined {
    const ground = this.#recent.recall(layout.link(repository, digest), policy);
    const link = committedIn(ground?.document);
    return ground && link && { value: link, grounds: [ground] };
  }

  /** @throws {DocumentChanged} */
  write(
    repository: RepositoryName,
    digest: Digest,
    current: LinkDocument | undefined,
    value: ManifestLink,
  ): Promise<LinkDocument> {
    return current
      ? this.#documents.replace<ManifestLink>(current, { value })
      : this.#documents.create<ManifestLink>(layout.link(repository, digest), { value });
  }

  /**
   * @returns the link that this call took away, undefined when there was none to see
   * @throws {PackageContentProtected} when a package owns it
   */
  async delete(repository: RepositoryName, digest: Digest): Promise<CommittedLink | undefined> {
    let removed: CommittedLink | undefined;
    await this.#documents.update<ManifestLink>(layout.link(repository, digest), (current) => {
      removed = current?.state === "committed" ? (current as CommittedLink) : undefined;
      if (removed?.ofPackage) throw new PackageContentProtected(`manifest ${digest}`);
      return removed && { state: "deleted", ...(removed.twin && { twin: removed.twin }) };
    });
    return removed;
  }

  /** Takes a twin away with the last manifest it was rendered from; what was put itself stays. */
  async releaseTwin(repository: RepositoryName, twin: Digest, of: Digest): Promise<void> {
    const current = await this.read(repository, twin);
    if (current?.value.state !== "committed" || !current.value.twinOf?.includes(of)) return;
    // Read behind the twin: a manifest that is put again renews its twin, after its own link.
    if (await this.readCommitted(repository, of)) return;
    const twinOf = current.value.twinOf.filter((digest) => digest !== of);
    const { value } = current;
    try {
      const next = twinOf.length > 0 ? { ...value, twinOf } : { state: "deleted" as const };
      await this.write(repository, twin, current, next);
    } catch (error) {
      if (!(error instanceof DocumentChanged)) throw error;
      await this.releaseTwin(repository, twin, of);
    }
  }
}

function committedIn(link: LinkDocument | undefined): CommittedLink | undefined {
  return link?.value.state === "committed" ? (link.value as CommittedLink) : undefined;
}
