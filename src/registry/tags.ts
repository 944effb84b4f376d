/**
 * Tags: one document each, so that two writers of different tags never meet.
 *
 * The last accepted writer wins. A tag is no root: a reader follows it to a manifest link, and a
 * tag whose link is gone reads as absent. Deleted tags stay as tombstones; before a tag is deleted a
 * hint is put behind its name, so a listing reads only the few documents that have one.
 */
import { randomBytes } from "node:crypto";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { type Document, DocumentChanged, type Documents } from "../storage/document.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { layout } from "./layout.ts";
import { PackageContentProtected, TagTaken } from "./registry-errors.ts";
import { type ListedTag, listTagNames } from "./tag-names.ts";

interface LiveTag {
  readonly state: "live";
  readonly digest: Digest;
  /** Written by publishing a package; changes with the package only. */
  readonly ofPackage?: boolean;
  /** Names the last claim of a package. */
  readonly claim?: string;
}

export type Tag =
  | LiveTag
  | {
      readonly state: "deleted";
      /** Key of the hint that belongs to this tombstone alone. */
      readonly hint: string;
    };

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
const readAhead = 64;

export class Tags {
  readonly #store: ObjectStore;
  readonly #documents: Documents;

  constructor(store: ObjectStore, documents: Documents) {
    this.#store = store;
    this.#documents = documents;
  }

  async read(repository: RepositoryName, tag: string): Promise<Digest | undefined> {
    return liveIn(await this.#read(repository, tag))?.digest;
  }

  /** @throws {PackageContentProtected} when a package owns the tag, for other content */
  async refuseOfPackage(repository: RepositoryName, tag: string, digest: Digest): Promise<void> {
    refuseOther((await this.#read(repository, tag))?.value, tag, digest);
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
    await this.#put(repository, tag, (current) => {
      const named = current?.state === "live" ? current.digest : undefined;
      if ("expected" in how && named !== how.expected) throw new TagMoved(tag);
      refuseOther(current, tag, digest);
      if (named !== digest) return { state: "live", digest };
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
    await this.#put(repository, tag, (current) => {
      made = current?.state !== "live";
      if (current?.state === "live" && current.digest !== digest) {
        throw new TagTaken(repository, tag);
      }
      return { state: "live", digest, ofPackage: true, claim };
    });
    return made ? claim : undefined;
  }

  /** Takes back a tag that `claim` made, unless another package has claimed it since. */
  async unclaim(repository: RepositoryName, tag: string, claim: string): Promise<void> {
    await this.#delete(repository, tag, (current) => current.claim === claim);
  }

  /** @returns whether there was such a tag @throws {PackageContentProtected} */
  untag(repository: RepositoryName, tag: string): Promise<boolean> {
    return this.#delete(repository, tag, ({ ofPackage }) => {
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
    for await (const found of this.#names(repository, "", readAhead)) {
      const named = await Promise.all(found.map(({ tag }) => this.read(repository, tag)));
      for (const { tag } of found.filter((_, at) => named[at] === digest)) {
        // Asked behind the tag: a manifest that is put again renews its tags, after its link.
        await this.#delete(
          repository,
          tag,
          async (current) => current.digest === digest && !current.ofPackage && (await isDeleted()),
        );
      }
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
    const dead = new Set<string>();
    const doubtful = found.filter(({ hinted }) => hinted);
    for (let start = 0; start < doubtful.length; start += readAhead) {
      const some = doubtful.slice(start, start + readAhead);
      const named = await Promise.all(some.map(({ tag }) => this.read(repository, tag)));
      for (const [at, { tag }] of some.entries()) if (named[at] === undefined) dead.add(tag);
    }
    return found.filter(({ tag }) => !dead.has(tag)).map(({ tag }) => tag);
  }

  /** Writes a tag. The hint of the tombstone that it replaces has no meaning any more. */
  async #put(
    repository: RepositoryName,
    tag: string,
    change: (current: Tag | undefined) => Tag | undefined,
  ): Promise<void> {
    let replaced: Tag | undefined;
    const written = await this.#documents.update<Tag>(layout.tag(repository, tag), (current) => {
      replaced = current;
      return change(current);
    });
    if (liveIn(written) && replaced?.state === "deleted") {
      await this.#documents.remove(replaced.hint);
    }
  }

  /** @returns whether it was deleted; what `may` refuses stays as it is */
  async #delete(
    repository: RepositoryName,
    tag: string,
    may: (current: LiveTag) => boolean | Promise<boolean>,
  ): Promise<boolean> {
    const document = await this.#read(repository, tag);
    const current = liveIn(document);
    if (!document || !current || !(await may(current))) return false;
    const hint = layout.newTagHint(repository, tag);
    await this.#documents.create(hint, { value: {} });
    try {
      await this.#documents.replace<Tag>(document, { value: { state: "deleted", hint } });
      return true;
    } catch (error) {
      if (!(error instanceof DocumentChanged)) throw error; // deleted or not: the hint does no harm
      await this.#documents.remove(hint);
      return this.#delete(repository, tag, may);
    }
  }

  #read(repository: RepositoryName, tag: string): Promise<Document<Tag> | undefined> {
    return this.#documents.read<Tag>(layout.tag(repository, tag));
  }
}

function liveIn(document: Document<Tag> | undefined): LiveTag | undefined {
  return document?.value.state === "live" ? document.value : undefined;
}

function refuseOther(current: Tag | undefined, tag: string, digest: Digest): void {
  if (current?.state !== "live" || !current.ofPackage || current.digest === digest) return;
  throw new PackageContentProtected(`tag ${tag}`);
}
