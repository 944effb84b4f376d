/**
 * The document of one tag: a digest, or a tombstone.
 *
 * Deleted tags stay as tombstones, because their names can come back. Before a tag is deleted a hint
 * is put behind its name and named by the tombstone, so a listing reads only the few documents that
 * have one.
 */
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import { type Document, DocumentChanged, unlessChanged } from "../storage/document.ts";
import type { CachePolicy } from "../storage/document-cache.ts";
import type { Documents } from "../storage/documents.ts";
import type { Revision } from "../storage/object-store.ts";
import type { RecentDocuments, Recollection } from "../storage/recent-documents.ts";
import { layout } from "./layout.ts";

export interface LiveTag {
  readonly state: "live";
  readonly digest: Digest;
  /** Written by publishing a package; changes with the package only. */
  readonly ofPackage?: boolean;
  /** Of a package, and put by a client, too: it then outlives the package. */
  readonly ofClient?: boolean;
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

const policy: CachePolicy<Tag> = { keeps: (document) => liveIn(document) !== undefined };

export class TagDocuments {
  readonly #documents: Documents;
  readonly #recent: RecentDocuments;

  constructor(documents: Documents, recent: RecentDocuments) {
    this.#documents = documents;
    this.#recent = recent;
  }

  /** For readers: what this server knows, or what was so a moment ago. */
  async findLive(repository: RepositoryName, tag: string): Promise<LiveTag | undefined> {
    return liveIn(await this.#recent.read(layout.tag(repository, tag), policy));
  }

  /** The same without waiting; undefined when the store has to be asked. */
  recallLive(repository: RepositoryName, tag: string): Recollection<LiveTag> | undefined {
    const ground = this.#recent.recall(layout.tag(repository, tag), policy);
    const live = liveIn(ground?.document);
    return ground && live && { value: live, grounds: [ground] };
  }

  /** @returns undefined for a tag that is not there, deleted or not */
  async readLive(repository: RepositoryName, tag: string): Promise<LiveTag | undefined> {
    return liveIn(await this.#read(repository, tag));
  }

  /** Applies `change` to the newest state; it returns undefined to leave the tag as it is. */
  async put(
    repository: RepositoryName,
    tag: string,
    change: (current: LiveTag | undefined) => LiveTag | undefined,
  ): Promise<void> {
    let replaced: Tag | undefined;
    const written = await this.#documents.update<Tag>(
      layout.tag(repository, tag),
      (current) => {
        replaced = current;
        return change(current?.state === "live" ? current : undefined);
      },
      insteadOfDamaged(repository, tag),
    );
    // The hint of the tombstone that was replaced has no meaning any more.
    if (liveIn(written) && replaced?.state === "deleted") {
      await this.#documents.remove(replaced.hint);
    }
  }

  /** @returns whether it was deleted; what `may` refuses stays as it is */
  async delete(
    repository: RepositoryName,
    tag: string,
    may: (current: LiveTag) => boolean | Promise<boolean>,
  ): Promise<boolean> {
    for (;;) {
      const document = await this.#read(repository, tag);
      const current = liveIn(document);
      if (!document || !current || !(await may(current))) return false;
      if (await this.#bury(repository, tag, document)) return true;
    }
  }

  /** For who decides about exactly this state, and acts on it later. */
  async readVersion(
    repository: RepositoryName,
    tag: string,
  ): Promise<{ readonly live: LiveTag | undefined; readonly revision: Revision } | undefined> {
    const document = await this.#documents.read<Tag>(layout.tag(repository, tag));
    return document && { live: liveIn(document), revision: document.revision };
  }

  /**
   * Takes a tag from its package, from this very version of it. What a client has put as well stays
   * his.
   *
   * @returns whether it was
   */
  async disown(repository: RepositoryName, tag: string, revision: Revision): Promise<boolean> {
    const document = await this.#documents.read<Tag>(layout.tag(repository, tag));
    const current = liveIn(document);
    if (!current?.ofPackage || document?.revision !== revision) return false;
    if (!current.ofClient) return this.#bury(repository, tag, document);
    const value = { state: "live", digest: current.digest } as const;
    return (
      (await this.#documents.replace<Tag>(document, { value }).catch(unlessChanged)) !== undefined
    );
  }

  /**
   * Sees to it that no tombstone can name this hint any more: whoever has made it knows an older
   * version of the tag.
   *
   * @returns `named` when its tombstone does, `moved` when another writer was first
   */
  async fenceHint(
    repository: RepositoryName,
    tag: string,
    hint: string,
  ): Promise<"fenced" | "named" | "moved"> {
    const document = await this.#documents.read<Tag>(layout.tag(repository, tag));
    if (document === undefined) return "fenced"; // nothing replaces what is not there
    const { value } = document;
    if (value.state === "deleted" && value.hint === hint) return "named";
    const written = await this.#documents.replace<Tag>(document, { value }).catch(unlessChanged);
    return written ? "fenced" : "moved";
  }

  /** @returns false when another writer was first */
  async #bury(repository: RepositoryName, tag: string, document: Document<Tag>): Promise<boolean> {
    const hint = layout.newTagHint(repository, tag);
    await this.#documents.create(hint, { value: {} });
    try {
      await this.#documents.replace<Tag>(document, { value: { state: "deleted", hint } });
      return true;
    } catch (error) {
      if (!(error instanceof DocumentChanged)) throw error; // deleted or not: the hint does no harm
      await this.#documents.remove(hint);
      return false;
    }
  }

  #read(repository: RepositoryName, tag: string): Promise<Document<Tag> | undefined> {
    const damaged = insteadOfDamaged(repository, tag);
    return this.#documents.readOver<Tag>(layout.tag(repository, tag), damaged);
  }
}

function liveIn(document: Document<Tag> | undefined): LiveTag | undefined {
  return document?.value.state === "live" ? document.value : undefined;
}

/** What a damaged tag named is not known any more; naming something anew is how it is healed. */
function insteadOfDamaged(repository: RepositoryName, tag: string): Tag {
  return { state: "deleted", hint: layout.newTagHint(repository, tag) };
}
