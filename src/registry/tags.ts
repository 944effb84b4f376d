/**
 * Tags: one document each, so that two writers of different tags never meet.
 *
 * The last accepted writer wins. A tag is no root: a reader follows it to a manifest link, and a
 * tag whose link is gone reads as absent. Deleted tags stay as tombstones.
 */
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import type { Documents } from "../storage/document.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { layout } from "./layout.ts";
import { PackageContentProtected, TagTaken } from "./registry-errors.ts";

export type Tag =
  | {
      readonly state: "live";
      readonly digest: Digest;
      /** Written by publishing a package; changes with the package only. */
      readonly ofPackage?: boolean;
    }
  | { readonly state: "deleted" };

export interface TagPage {
  readonly tags: readonly string[];
  readonly more: boolean;
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

  /** The last accepted writer wins. @throws {PackageContentProtected} when a package owns the tag */
  async write(repository: RepositoryName, tag: string, digest: Digest): Promise<void> {
    await this.#documents.update<Tag>(layout.tag(repository, tag), (current) => {
      if (current?.state === "live") {
        if (current.digest === digest) return undefined;
        if (current.ofPackage) throw new PackageContentProtected(`tag ${tag}`);
      }
      return { state: "live", digest };
    });
  }

  /**
   * Gives a tag to a package, for good.
   *
   * @returns whether it is new
   * @throws {TagTaken} when it names something else
   */
  async claim(repository: RepositoryName, tag: string, digest: Digest): Promise<boolean> {
    let created = false;
    await this.#documents.update<Tag>(layout.tag(repository, tag), (current) => {
      created = current?.state !== "live";
      if (current?.state === "live" && current.digest !== digest) {
        throw new TagTaken(repository, tag);
      }
      if (!created && current?.state === "live" && current.ofPackage) return undefined;
      return { state: "live", digest, ofPackage: true };
    });
    return created;
  }

  /**
   * @param only the digest the tag must name; any by default
   * @returns whether there was such a tag
   */
  async delete(repository: RepositoryName, tag: string, only?: Digest): Promise<boolean> {
    let removed = false;
    await this.#documents.update<Tag>(layout.tag(repository, tag), (current) => {
      removed = current?.state === "live" && (only === undefined || current.digest === only);
      return removed ? { state: "deleted" } : undefined;
    });
    return removed;
  }

  /** Whether publishing a package wrote the tag. */
  async isOfPackage(repository: RepositoryName, tag: string): Promise<boolean> {
    const value = (await this.#documents.read<Tag>(layout.tag(repository, tag)))?.value;
    return value?.state === "live" && value.ofPackage === true;
  }

  /** Up to `limit` tags behind `last`, in byte order. */
  async list(repository: RepositoryName, last: string, limit: number): Promise<TagPage> {
    const tags: string[] = [];
    for await (const tag of this.#all(repository, last)) {
      if (tags.length === limit) return { tags, more: true };
      tags.push(tag);
    }
    return { tags, more: false };
  }

  /** Tags that name `digest`. */
  async naming(repository: RepositoryName, digest: Digest): Promise<string[]> {
    const tags: string[] = [];
    for await (const tag of this.#all(repository, "")) {
      if ((await this.read(repository, tag)) === digest) tags.push(tag);
    }
    return tags;
  }

  async *#all(repository: RepositoryName, last: string): AsyncGenerator<string> {
    const prefix = layout.tags(repository);
    let after = prefix + last;
    for (let more = true; more; ) {
      const page = await this.#store.list(prefix, { after, limit: readAhead });
      const names = page.keys.map((key) => key.slice(prefix.length));
      const live = await Promise.all(names.map((name) => this.read(repository, name)));
      yield* names.filter((_, position) => live[position] !== undefined);
      after = page.keys.at(-1) ?? after;
      more = page.more;
    }
  }
}
