/**
 * Tags: one document each, so that two writers of different tags never meet.
 *
 * The last accepted writer wins. A tag is no root: a reader follows it to a manifest link, and a
 * tag whose link is gone reads as absent.
 */
import { randomBytes } from "node:crypto";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import type { Documents } from "../storage/documents.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import type { RecentDocuments, Recollection } from "../storage/recent-documents.ts";
import { inParallel } from "./in-parallel.ts";
import { layout } from "./layout.ts";
import { PackageContentProtected, TagTaken } from "./registry-errors.ts";
import { type LiveTag, TagDocuments } from "./tag-document.ts";
import { type ListedTag, listTagNames } from "./tag-names.ts";

export interface TagPage {
  readonly tags: readonly string[];
  readonly more: boolean;
}

export interface TagWrite {
  /** Write the tag even if it names the manifest already, so that a delete that has just read it fails. */
  readonly renew?: boolean;
  /** What the tag must name; undefined for a tag that must not be there. Left out: anything. */
  readonly expected?: Digest | undefined;
}

/** The tag names something else than its writer took for granted. */
export class TagMoved extends RegistryError {
  readonly code = "CONFLICT";
  constructor(tag: string) {
    super(`tag ${tag} was moved by another writer`, { tag });
  }
}

/** Tag documents are read this many at a time. */
const reads = 64;
/** Tags are deleted this many at a time. */
const deletions = 16;
/** Names that one step through all tags asks for. */
const stepNames = 999;

export class Tags {
  readonly #store: ObjectStore;
  readonly #tags: TagDocuments;

  constructor(store: ObjectStore, documents: Documents, recent: RecentDocuments) {
    this.#store = store;
    this.#tags = new TagDocuments(documents, recent);
  }

  /** For readers: what this server knows, or what was so a moment ago. */
  async find(repository: RepositoryName, tag: string): Promise<Digest | undefined> {
    return (await this.#tags.findLive(repository, tag))?.digest;
  }

  /** The same without waiting; undefined when the store has to be asked. */
  recall(repository: RepositoryName, tag: string): Recollection<Digest> | undefined {
    const found = this.#tags.recallLive(repository, tag);
    return found && { value: found.value.digest, grounds: found.grounds };
  }

  /** What is so now. */
  async read(repository: RepositoryName, tag: string): Promise<Digest | undefined> {
    return (await this.#tags.readLive(repository, tag))?.digest;
  }

  /** @throws {PackageContentProtected} when a package owns the tag, for other content */
  async refuseOfPackage(repository: RepositoryName, tag: string, digest: Digest): Promise<void> {
    refuseOther(await this.#tags.readLive(repository, tag), tag, digest);
  }

  /**
   * The last accepted writer wins.
   *
   * @throws {PackageContentProtected} when a package owns the tag
   * @throws {TagMoved} when it does not name what is expected
   */
  async write(
    repository: RepositoryName,
    tag: string,
    digest: Digest,
    how: TagWrite = {},
  ): Promise<void> {
    await this.#tags.put(repository, tag, (current) => {
      if ("expected" in how && current?.digest !== how.expected) throw new TagMoved(tag);
      refuseOther(current, tag, digest);
      if (current?.digest !== digest) return { state: "live", digest };
      if (current.ofPackage && !current.ofClient) return { ...current, ofClient: true };
      return how.renew ? current : undefined;
    });
  }

  /**
   * Gives a tag to a package. Packages share the names of their images, so a claim is written also
   * when the tag is there already: whoever made it then cannot take it back any more.
   *
   * @returns the claim if it made the tag
   * @throws {TagTaken} when it names something else
   */
  async claim(
    repository: RepositoryName,
    tag: string,
    digest: Digest,
  ): Promise<string | undefined> {
    const claim = randomBytes(9).toString("base64url");
    let made = false;
    await this.#tags.put(repository, tag, (current) => {
      made = current === undefined;
      if (current && current.digest !== digest) throw new TagTaken(repository, tag);
      const ofClient = current && (current.ofClient || !current.ofPackage);
      return { state: "live", digest, ofPackage: true, ...(ofClient && { ofClient }), claim };
    });
    return made ? claim : undefined;
  }

  /** Takes back a tag that `claim` made, unless a package or a client has put it since. */
  async unclaim(repository: RepositoryName, tag: string, claim: string): Promise<void> {
    const made = ({ claim: last, ofClient }: LiveTag) => last === claim && !ofClient;
    await this.#tags.delete(repository, tag, made);
  }

  /** @returns whether there was such a tag @throws {PackageContentProtected} */
  untag(repository: RepositoryName, tag: string): Promise<boolean> {
    return this.#tags.delete(repository, tag, ({ ofPackage }) => {
      if (ofPackage) throw new PackageContentProtected(`tag ${tag}`);
      return true;
    });
  }

  /**
   * Takes away every tag that names a deleted manifest, except those of packages. Reads every tag of
   * the repository.
   *
   * @param isDeleted whether the manifest is still deleted
   */
  async dropNaming(
    repository: RepositoryName,
    digest: Digest,
    isDeleted: () => Promise<boolean>,
  ): Promise<void> {
    // Asked behind the tag: a manifest that is put again renews its tags, after its link.
    const may = async (current: LiveTag): Promise<boolean> =>
      current.digest === digest && !current.ofPackage && (await isDeleted());
    for await (const found of this.#names(repository, "", stepNames)) {
      const named = await inParallel(found, reads, ({ tag }) => this.read(repository, tag));
      const naming = found.filter((_, at) => named[at] === digest);
      await inParallel(naming, deletions, ({ tag }) => this.#tags.delete(repository, tag, may));
    }
  }

  /**
   * Up to `limit` tags behind `last`, in byte order. Costs one listing, and a read for each tag that
   * was deleted or is just being deleted.
   *
   * @param last any text; the page starts behind where it stands in the order
   */
  async list(repository: RepositoryName, last: string, limit: number): Promise<TagPage> {
    const tags: string[] = [];
    for await (const found of this.#names(repository, last, limit + 1)) {
      for (const tag of await this.#live(repository, found)) {
        if (tags.length === limit) return { tags, more: true };
        tags.push(tag);
      }
    }
    return { tags, more: false };
  }

  #names(repository: RepositoryName, last: string, ahead: number): AsyncGenerator<ListedTag[]> {
    const after = layout.tagsAfter(repository, last);
    return listTagNames(this.#store, layout.tags(repository), after, ahead);
  }

  async #live(repository: RepositoryName, found: readonly ListedTag[]): Promise<string[]> {
    const doubtful = found.filter(({ hinted }) => hinted).map(({ tag }) => tag);
    const named = await inParallel(doubtful, reads, (tag) => this.read(repository, tag));
    const dead = new Set(doubtful.filter((_, at) => named[at] === undefined));
    return found.filter(({ tag }) => !dead.has(tag)).map(({ tag }) => tag);
  }
}

function refuseOther(current: LiveTag | undefined, tag: string, digest: Digest): void {
  if (!current?.ofPackage || current.digest === digest) return;
  throw new PackageContentProtected(`tag ${tag}`);
}
