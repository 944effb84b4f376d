/**
 * Tags: one document each, so that two writers of different tags never meet.
 *
 * The last accepted writer wins. A tag is no root: a reader follows it to a manifest link, and a
 * tag whose link is gone reads as absent. Deleted tags stay as tombstones.
 */
import { randomBytes } from "node:crypto";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import { DocumentChanged, type Documents } from "../storage/document.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { layout } from "./layout.ts";
import { PackageContentProtected, TagTaken } from "./registry-errors.ts";

export type Tag =
  | {
      readonly state: "live";
      readonly digest: Digest;
      /** Written by publishing a package; changes with the package only. */
      readonly ofPackage?: boolean;
      /** Names the last claim of a package. */
      readonly claim?: string;
    }
  | { readonly state: "deleted" };

export interface TagPage {
  readonly tags: readonly string[];
  readonly more: boolean;
}

interface NamedTag {
  readonly tag: string;
  readonly digest: Digest;
}

/** Tag documents are read this many at a time when a page is put together. */
const readAhead = 64;

export class Tags {
  readonly #store: ObjectStore;
  readonly #documents: Documents;

  constructor(store: ObjectStore, documents: Documents) {
    this.#store = store;
    this.#documents = documents;
  }

  async read(repository: RepositoryName, tag: string): Promise<Digest | undefined> {
    const value = (await this.#documents.read<Tag>(layout.tag(repository, tag)))?.value;
    return value?.state === "live" ? value.digest : undefined;
  }

  /** @throws {PackageContentProtected} when a package owns the tag, for other content */
  async refuseOfPackage(repository: RepositoryName, tag: string, digest: Digest): Promise<void> {
    const document = await this.#documents.read<Tag>(layout.tag(repository, tag));
    refuseOther(document?.value, tag, digest);
  }

  /**
   * The last accepted writer wins.
   *
   * @param options.renew writes the tag even if it names the manifest already, so that a delete that
   *                      has just read it fails
   * @throws {PackageContentProtected} when a package owns the tag
   */
  async write(
    repository: RepositoryName,
    tag: string,
    digest: Digest,
    { renew = false }: { renew?: boolean } = {},
  ): Promise<void> {
    await this.#documents.update<Tag>(layout.tag(repository, tag), (current) => {
      refuseOther(current, tag, digest);
      if (current?.state !== "live" || current.digest !== digest) return { state: "live", digest };
      return renew ? current : undefined;
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
    await this.#documents.update<Tag>(layout.tag(repository, tag), (current) => {
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
    await this.#documents.update<Tag>(layout.tag(repository, tag), (current) =>
      current?.state === "live" && current.claim === claim ? { state: "deleted" } : undefined,
    );
  }

  /** @returns whether there was such a tag @throws {PackageContentProtected} */
  async untag(repository: RepositoryName, tag: string): Promise<boolean> {
    let removed = false;
    await this.#documents.update<Tag>(layout.tag(repository, tag), (current) => {
      removed = current?.state === "live";
      if (current?.state !== "live") return undefined;
      if (current.ofPackage) throw new PackageContentProtected(`tag ${tag}`);
      return { state: "deleted" };
    });
    return removed;
  }

  /**
   * Takes away every tag that names a deleted manifest, except those of packages.
   *
   * @param isDeleted whether the manifest is still deleted
   */
  async dropNaming(
    repository: RepositoryName,
    digest: Digest,
    isDeleted: () => Promise<boolean>,
  ): Promise<void> {
    for await (const found of this.#all(repository, "")) {
      if (found.digest === digest) await this.#drop(repository, found.tag, digest, isDeleted);
    }
  }

  /** Up to `limit` tags behind `last`, in byte order. */
  async list(repository: RepositoryName, last: string, limit: number): Promise<TagPage> {
    const tags: string[] = [];
    for await (const { tag } of this.#all(repository, last)) {
      if (tags.length === limit) return { tags, more: true };
      tags.push(tag);
    }
    return { tags, more: false };
  }

  async #drop(
    repository: RepositoryName,
    tag: string,
    digest: Digest,
    isDeleted: () => Promise<boolean>,
  ): Promise<void> {
    const document = await this.#documents.read<Tag>(layout.tag(repository, tag));
    const { value } = document ?? {};
    if (!document || value?.state !== "live" || value.digest !== digest || value.ofPackage) return;
    // Read behind the tag: a manifest that is put again renews its tags, after its link.
    if (!(await isDeleted())) return;
    try {
      await this.#documents.replace<Tag>(document, { value: { state: "deleted" } });
    } catch (error) {
      if (!(error instanceof DocumentChanged)) throw error;
      await this.#drop(repository, tag, digest, isDeleted);
    }
  }

  async *#all(repository: RepositoryName, last: string): AsyncGenerator<NamedTag> {
    const prefix = layout.tags(repository);
    let after = prefix + last;
    for (let more = true; more; ) {
      const page = await this.#store.list(prefix, { after, limit: readAhead });
      const names = page.keys.map((key) => key.slice(prefix.length));
      const digests = await Promise.all(names.map((name) => this.read(repository, name)));
      for (const [position, tag] of names.entries()) {
        const digest = digests[position];
        if (digest !== undefined) yield { tag, digest };
      }
      after = page.keys.at(-1) ?? after;
      more = page.more;
    }
  }
}

function refuseOther(current: Tag | undefined, tag: string, digest: Digest): void {
  if (current?.state !== "live" || !current.ofPackage || current.digest === digest) return;
  throw new PackageContentProtected(`tag ${tag}`);
}
