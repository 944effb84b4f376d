/**
 * Manifests in repositories: putting them in, finding them, taking them out.
 *
 * A manifest is visible from its first acknowledgement to its deletion, whole, with its twin. Follows
 * CONTRIBUTING.md "Storage protocol", MANIFEST PUT and MANIFEST DELETE.
 */
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import { ManifestInvalid, ManifestUnknown } from "../oci/registry-error.ts";
import type { Recollection } from "../storage/recent-documents.ts";
import type { BlobStore } from "./blob-store.ts";
import { type Closure, closureOf } from "./closure.ts";
import { type Condition, checkTag, writeTagIf } from "./conditional-tag.ts";
import type { HiddenBlobs } from "./hidden-blobs.ts";
import { putItself, twinOf } from "./link-role.ts";
import type { CommittedLink, ManifestLinks } from "./manifest-link.ts";
import { ManifestRoots } from "./manifest-roots.ts";
import type { Referrers } from "./referrers.ts";
import type { RepositoryIndex } from "./repository-index.ts";
import { schema2Twin } from "./schema2-twin.ts";
import type { Tags } from "./tags.ts";

export interface FoundManifest {
  readonly digest: Digest;
  readonly link: CommittedLink;
}

export type Reference = { readonly digest: Digest } | { readonly tag: string };

export interface ManifestParts {
  readonly blobs: BlobStore;
  readonly links: ManifestLinks;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly hidden: HiddenBlobs;
  readonly repositories: RepositoryIndex;
  /** Bytes; larger manifests are refused before they are parsed. */
  readonly manifestLimit: number;
}

export class Manifests {
  readonly #parts: ManifestParts;
  readonly #roots: ManifestRoots;

  constructor(parts: ManifestParts) {
    this.#parts = parts;
    this.#roots = new ManifestRoots(parts.links, parts.blobs);
  }

  /**
   * Stores a manifest and, with it, tags. Returns when all of it is durable and visible.
   *
   * @param condition asked about each tag; between its answer and the write nobody moves the tag
   * @returns what the manifest keeps alive
   * @throws {ManifestBlobUnknown} when config, layers or their like are not here; nothing is visible
   * @throws {PackageContentProtected} when a tag belongs to a package; nothing is visible
   */
  async put(
    repository: RepositoryName,
    manifest: Manifest,
    tags: readonly string[] = [],
    condition?: Condition,
  ): Promise<Closure> {
    const { digest } = manifest;
    for (const tag of tags) {
      await this.#parts.tags.refuseOfPackage(repository, tag, digest);
      if (condition) await checkTag(this.#parts, repository, tag, condition);
    }
    const { appeared: renew, closure } = await this.#link(repository, manifest, false);
    await this.#parts.repositories.add(repository);
    for (const tag of tags) {
      if (condition) await writeTagIf(condition, this.#parts, repository, tag, digest, { renew });
      else await this.#parts.tags.write(repository, tag, digest, { renew });
    }
    return closure;
  }

  /**
   * Makes a manifest readable by its digest, without listing the repository or naming a tag.
   *
   * @param options.ofPackage the link then changes with the package only. It is written even if it
   *        is there, so that a collector which has not seen the package yet cannot take it away
   * @returns whether it was not readable before
   * @throws {ManifestBlobUnknown}
   */
  async link(
    repository: RepositoryName,
    manifest: Manifest,
    { ofPackage = false }: { ofPackage?: boolean } = {},
  ): Promise<boolean> {
    return (await this.#link(repository, manifest, ofPackage)).appeared;
  }

  async #link(
    repository: RepositoryName,
    manifest: Manifest,
    ofPackage: boolean,
  ): Promise<{ appeared: boolean; closure: Closure }> {
    const twin = schema2Twin(manifest);
    const closure = await this.closure(manifest);
    const role = putItself({ ofPackage, ...(twin && { twin: twin.digest }) });
    const appeared = await this.#roots.commit({ repository, manifest, closure, role }, ofPackage);
    if (twin) {
      const twinRole = twinOf(manifest.digest, ofPackage);
      const root = { repository, manifest: twin, closure, role: twinRole };
      await this.#roots.commit(root, appeared || ofPackage);
    }
    await this.#parts.referrers.add(repository, manifest);
    await this.#parts.hidden.reveal(repository, closure.required);
    return { appeared, closure };
  }

  /** What `manifest` keeps alive, as far as it is here. @throws {ManifestInvalid} */
  closure(manifest: Manifest): Promise<Closure> {
    return closureOf(manifest, (child) => this.#readChild(child));
  }

  /**
   * For readers: what this server knows, or what was so a moment ago.
   *
   * @param reference a digest, or a tag
   * @throws {ManifestUnknown}
   */
  async find(repository: RepositoryName, reference: Reference): Promise<FoundManifest> {
    const { tags, links } = this.#parts;
    const digest =
      "digest" in reference ? reference.digest : await tags.find(repository, reference.tag);
    const link = digest && (await links.find(repository, digest));
    if (digest && link) return { digest, link };
    throw unknownAt(repository, reference);
  }

  /** `find` and `bytes` together without waiting; undefined when the store has to be asked. */
  recall(
    repository: RepositoryName,
    reference: Reference,
  ): Recollection<FoundManifest & { readonly bytes: Buffer }> | undefined {
    const { tags, links, blobs } = this.#parts;
    const tag = "tag" in reference ? tags.recall(repository, reference.tag) : undefined;
    const digest = "tag" in reference ? tag?.value : reference.digest;
    const link = digest && links.recall(repository, digest);
    const content = digest && blobs.recall(digest);
    if (!digest || !link || !content) return undefined;
    const grounds = [...(tag?.grounds ?? []), ...link.grounds, ...content.grounds];
    return { value: { digest, link: link.value, bytes: content.value }, grounds };
  }

  /** What is so now: a tag of a moment ago may lead to what is gone since. @throws {ManifestUnknown} */
  async findNow(repository: RepositoryName, reference: Reference): Promise<FoundManifest> {
    const { tags, links } = this.#parts;
    const digest =
      "digest" in reference ? reference.digest : await tags.read(repository, reference.tag);
    const link = digest && (await links.readCommitted(repository, digest));
    if (digest && link) return { digest, link };
    throw unknownAt(repository, reference);
  }

  /** The same digest when readers find a manifest by it, else undefined. */
  async visible(repository: RepositoryName, digest: Digest): Promise<Digest | undefined> {
    return (await this.#parts.links.readCommitted(repository, digest)) && digest;
  }

  /** The manifest's bytes as they came in. */
  bytes(digest: Digest): Promise<Buffer> {
    return this.#parts.blobs.bytes(digest, this.#parts.manifestLimit);
  }

  /**
   * Makes the manifest disappear at once, then every tag that names it. Repeated, it completes what
   * an earlier call that broke off has left.
   *
   * @throws {ManifestUnknown}
   * @throws {PackageContentProtected}
   */
  async delete(repository: RepositoryName, digest: Digest): Promise<void> {
    const { links, tags } = this.#parts;
    const removed = await links.delete(repository, digest);
    const left = removed ?? (await links.read(repository, digest))?.value;
    if (!left) throw unknown(repository, digest);
    if (left.twin) await links.releaseTwin(repository, left.twin, digest);
    await tags.dropNaming(
      repository,
      digest,
      async () => (await links.readCommitted(repository, digest)) === undefined,
    );
    if (!removed) throw unknown(repository, digest);
  }

  /** Takes one tag away; the manifest stays. @throws {ManifestUnknown | PackageContentProtected} */
  async untag(repository: RepositoryName, tag: string): Promise<void> {
    if (!(await this.#parts.tags.untag(repository, tag))) throw unknown(repository, tag);
  }

  /** Which of these are not here. Asked after a root was written, the answer holds. */
  absent(digests: ReadonlySet<Digest>): Promise<Digest[]> {
    return this.#roots.absent(digests);
  }

  async #readChild({ digest }: Descriptor): Promise<Buffer | undefined> {
    const blob = await this.#parts.blobs.find(digest);
    if (blob === undefined || blob.size <= this.#parts.manifestLimit) return blob?.whole();
    throw new ManifestInvalid(`${digest} has ${blob.size} bytes, too many for a manifest`, {
      digest,
    });
  }
}

function unknown(repository: RepositoryName, reference: string): ManifestUnknown {
  return new ManifestUnknown(`${repository} has no manifest ${reference}`, {
    name: repository,
    reference,
  });
}

function unknownAt(repository: RepositoryName, reference: Reference): ManifestUnknown {
  return unknown(repository, "digest" in reference ? reference.digest : reference.tag);
}
