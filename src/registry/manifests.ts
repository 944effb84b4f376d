/**
 * Manifests in repositories: putting them in, finding them, taking them out.
 *
 * Root first, checks after: the link is written pending, the whole closure is checked, then the link
 * is committed. Follows CONTRIBUTING.md "Storage protocol", MANIFEST PUT.
 */
import type { Digest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import { ManifestUnknown } from "../oci/registry-error.ts";
import { DocumentChanged } from "../storage/document.ts";
import type { BlobStore } from "./blob-store.ts";
import { type Closure, closureOf } from "./closure.ts";
import type { HiddenBlobs } from "./hidden-blobs.ts";
import type { CommittedLink, LinkDocument, LinkFacts, ManifestLinks } from "./manifest-link.ts";
import type { Referrers } from "./referrers.ts";
import { ManifestBlobUnknown, PackageContentProtected } from "./registry-errors.ts";
import type { RepositoryIndex } from "./repository-index.ts";
import { schema2Twin } from "./schema2-twin.ts";
import type { Tags } from "./tags.ts";

/** Digests checked at the same time. */
const parallelChecks = 16;

export interface FoundManifest {
  readonly digest: Digest;
  readonly link: CommittedLink;
}

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

  constructor(parts: ManifestParts) {
    this.#parts = parts;
  }

  /**
   * Stores a manifest and, with it, tags. Returns when all of it is durable and visible.
   *
   * @throws {ManifestBlobUnknown} when config, layers or their like are not here; nothing is visible
   * @throws {PackageContentProtected} when a tag belongs to a package
   */
  async put(
    repository: RepositoryName,
    manifest: Manifest,
    tags: readonly string[] = [],
  ): Promise<void> {
    await this.link(repository, manifest);
    await this.#parts.repositories.add(repository);
    for (const tag of tags) await this.#parts.tags.write(repository, tag, manifest.digest);
  }

  /**
   * Makes a manifest readable by its digest, without listing the repository or naming a tag.
   *
   * @param options.ofPackage the link then changes with the package only
   * @throws {ManifestBlobUnknown}
   */
  async link(
    repository: RepositoryName,
    manifest: Manifest,
    { ofPackage = false }: { ofPackage?: boolean } = {},
  ): Promise<void> {
    const twin = schema2Twin(manifest);
    const closure = await this.closure(manifest);
    await this.#commit(repository, manifest, closure, {
      ...(ofPackage && { ofPackage }),
      ...(twin && { twin: twin.digest }),
    });
    if (twin) await this.#commit(repository, twin, closure, { twinOf: manifest.digest });
    await this.#parts.referrers.add(repository, manifest);
    await this.#parts.hidden.reveal(repository, closure.required);
  }

  /** What `manifest` keeps alive, as far as it is here. */
  closure(manifest: Manifest): Promise<Closure> {
    return closureOf(manifest, (child) => this.#readChild(child.digest));
  }

  /** @param reference a digest, or a tag @throws {ManifestUnknown} */
  async find(
    repository: RepositoryName,
    reference: { digest: Digest } | { tag: string },
  ): Promise<FoundManifest> {
    const digest =
      "digest" in reference
        ? reference.digest
        : await this.#parts.tags.read(repository, reference.tag);
    const link = digest && (await this.#parts.links.readCommitted(repository, digest));
    if (!digest || !link) {
      const what = "digest" in reference ? reference.digest : reference.tag;
      throw new ManifestUnknown(`${repository} has no manifest ${what}`, {
        name: repository,
        reference: what,
      });
    }
    return { digest, link };
  }

  /** The manifest's bytes as they came in. */
  bytes(digest: Digest): Promise<Buffer> {
    return this.#parts.blobs.bytes(digest, this.#parts.manifestLimit);
  }

  /** Makes the manifest and every tag that names it disappear at once. @throws {ManifestUnknown} */
  async delete(repository: RepositoryName, digest: Digest): Promise<void> {
    const { link } = await this.find(repository, { digest });
    if (link.ofPackage) throw new PackageContentProtected(`manifest ${digest}`);
    await this.#parts.links.delete(repository, digest);
    if (link.twin) await this.#parts.links.delete(repository, link.twin);
    for (const tag of await this.#parts.tags.naming(repository, digest)) {
      await this.#parts.tags.delete(repository, tag, digest);
    }
  }

  /** Takes one tag away; the manifest stays. @throws {ManifestUnknown} */
  async untag(repository: RepositoryName, tag: string): Promise<void> {
    const { tags } = this.#parts;
    if (await tags.isOfPackage(repository, tag)) throw new PackageContentProtected(`tag ${tag}`);
    if (await tags.delete(repository, tag)) return;
    throw new ManifestUnknown(`${repository} has no tag ${tag}`, { name: repository, tag });
  }

  async #commit(
    repository: RepositoryName,
    manifest: Manifest,
    closure: Closure,
    extra: Partial<LinkFacts>,
  ): Promise<void> {
    const { links } = this.#parts;
    for (;;) {
      const before = await links.read(repository, manifest.digest);
      try {
        if (before?.value.state === "committed") {
          await this.#amend(repository, manifest.digest, before, extra);
        } else {
          await this.#root(repository, manifest, before, closure, extra);
        }
        return;
      } catch (error) {
        if (!(error instanceof DocumentChanged)) throw error; // another writer: from the start
      }
    }
  }

  /** The link is visible and whole; at most it learns that a package owns it now. */
  async #amend(
    repository: RepositoryName,
    digest: Digest,
    { value, ...document }: LinkDocument,
    extra: Partial<LinkFacts>,
  ): Promise<void> {
    if (value.state !== "committed") return;
    const amended = { ...value, ...extra };
    if (JSON.stringify(amended) === JSON.stringify(value)) return;
    await this.#parts.links.write(repository, digest, { value, ...document }, amended);
  }

  async #root(
    repository: RepositoryName,
    manifest: Manifest,
    before: LinkDocument | undefined,
    closure: Closure,
    extra: Partial<LinkFacts>,
  ): Promise<void> {
    const { links, blobs } = this.#parts;
    const facts = factsOf(manifest, closure, extra);
    // A pending link with the same closure is adopted, so that two equal requests do not fight.
    const pending = isPendingWith(before, facts)
      ? before
      : await links.write(repository, manifest.digest, before, { state: "pending", ...facts });
    await blobs.pushBytes(manifest.digest, manifest.bytes);
    const absent = await this.absent(closure.required);
    if (absent.length > 0) {
      await links.write(repository, manifest.digest, pending, { state: "deleted" }).catch(moved);
      throw new ManifestBlobUnknown(absent);
    }
    await links.write(repository, manifest.digest, pending, { state: "committed", ...facts });
  }

  /** Which of these are not here. Asked after a root was written, the answer holds. */
  async absent(digests: ReadonlySet<Digest>): Promise<Digest[]> {
    const all = [...digests];
    const absent: Digest[] = [];
    for (let start = 0; start < all.length; start += parallelChecks) {
      const some = all.slice(start, start + parallelChecks);
      const here = await Promise.all(some.map((digest) => this.#parts.blobs.exists(digest)));
      absent.push(...some.filter((_, position) => !here[position]));
    }
    return absent;
  }

  async #readChild(digest: Digest): Promise<Buffer | undefined> {
    if (!(await this.#parts.blobs.exists(digest))) return undefined;
    return this.bytes(digest);
  }
}

function factsOf(manifest: Manifest, closure: Closure, extra: Partial<LinkFacts>): LinkFacts {
  return {
    mediaType: manifest.mediaType,
    size: manifest.bytes.byteLength,
    closure: [...new Set([manifest.digest, ...closure.required, ...closure.optional])],
    ...(manifest.subject && { subject: manifest.subject.digest }),
    ...extra,
  };
}

function isPendingWith(
  link: LinkDocument | undefined,
  facts: LinkFacts,
): link is LinkDocument & { value: LinkFacts } {
  return (
    link?.value.state === "pending" &&
    JSON.stringify(link.value) === JSON.stringify({ state: "pending", ...facts })
  );
}

/** The link belongs to another writer by now; taking it back is not ours any more. */
function moved(error: unknown): void {
  if (!(error instanceof DocumentChanged)) throw error;
}
