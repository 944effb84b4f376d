/**
 * Gives the images and documents of one package their place in the registry.
 *
 * `prepare` only looks. When the package's entry keeps its content, `link` makes everything readable by
 * digest and `name` makes tags. What `name` made is taken back by `undo` when the package is not
 * published and nobody else needs it; links without a package are the collector's.
 */
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { type Manifest, parseManifest } from "../oci/manifest.ts";
import { isManifestType, mediaType } from "../oci/media-type.ts";
import { parseRepositoryName, type RepositoryName } from "../oci/reference.ts";
import type { PackageContent } from "../packages/package-content.ts";
import type { Registry } from "../registry/registry.ts";
import { TagTaken } from "../registry/registry-errors.ts";
import type { PackageRecord, ServedImage } from "./package-record.ts";
import { packageHome, servedImage } from "./served-names.ts";

interface ClaimedTag {
  readonly repository: RepositoryName;
  readonly tag: string;
  readonly claim: string;
}

export class PackagePublication {
  readonly #registry: Registry;
  readonly #content: PackageContent;
  readonly #images: readonly ServedImage[];
  readonly #claimed: ClaimedTag[] = [];

  constructor(registry: Registry, content: PackageContent) {
    this.#registry = registry;
    this.#content = content;
    this.#images = content.images.map((image) => servedImage(content.definition.name, image));
  }

  /**
   * @returns what the catalogue will know of the package
   * @throws {TagTaken} when a name that an image needs is in use
   */
  async prepare(): Promise<PackageRecord> {
    for (const image of this.#images) await this.#refuseTaken(image);
    const rootIndex = await this.#manifest(this.#content.root, mediaType.ociIndex);
    const closure = await this.#registry.manifests.closure(rootIndex);
    return { ...this.#content, images: this.#images, closure: [...closure.required] };
  }

  /**
   * Links every manifest of the package where it will be served from.
   *
   * @throws {ManifestBlobUnknown} when content is missing
   */
  async link(): Promise<void> {
    const { root, metadata, definition } = this.#content;
    for (const image of this.#images) {
      await this.#link(parseRepositoryName(image.repository), image.descriptor);
    }
    const home = packageHome(definition.name);
    await this.#link(home, { digest: metadata, mediaType: mediaType.ociManifest });
    const rootIndex = await this.#manifest(root, mediaType.ociIndex);
    await this.#registry.manifests.link(home, rootIndex, { ofPackage: true });
  }

  async name(): Promise<void> {
    for (const image of this.#images) await this.#name(image);
  }

  /** Of a package that is here: whatever is as it should be stays as it is. */
  async restore(): Promise<void> {
    await this.link();
    for (const image of this.#images) {
      const repository = parseRepositoryName(image.repository);
      const named = await this.#registry.tags.read(repository, image.tag);
      if (named === undefined) await this.#name(image);
    }
  }

  /** Lists the repositories. After the package is published, since a name never goes away again. */
  async list(): Promise<void> {
    for (const { repository } of this.#images) {
      await this.#registry.repositories.add(parseRepositoryName(repository), true);
    }
  }

  /** Best effort: the failure that led here is the one to report. */
  async undo(): Promise<void> {
    const removals = this.#claimed.map(({ repository, tag, claim }) =>
      this.#registry.tags.unclaim(repository, tag, claim),
    );
    await Promise.allSettled(removals);
  }

  async #name({ repository: text, tag, descriptor }: ServedImage): Promise<void> {
    const repository = parseRepositoryName(text);
    const claim = await this.#registry.tags.claim(repository, tag, descriptor.digest);
    if (claim !== undefined) this.#claimed.push({ repository, tag, claim });
  }

  async #refuseTaken({ repository: text, tag, descriptor }: ServedImage): Promise<void> {
    const repository = parseRepositoryName(text);
    const digest = await this.#registry.tags.read(repository, tag);
    if (digest !== undefined && digest !== descriptor.digest) throw new TagTaken(repository, tag);
  }

  /** The manifest and, for an index, each child that is here: agents pull them by digest. */
  async #link(
    repository: RepositoryName,
    { digest, mediaType: type }: Pick<Descriptor, "digest" | "mediaType">,
  ): Promise<void> {
    const manifest = await this.#manifest(digest, type);
    if (manifest.kind === "index") {
      for (const child of manifest.manifests) {
        const present =
          isManifestType(child.mediaType) && (await this.#registry.blobs.exists(child.digest));
        if (present) await this.#link(repository, child);
      }
    }
    await this.#registry.manifests.link(repository, manifest, { ofPackage: true });
  }

  async #manifest(digest: Digest, type: string): Promise<Manifest> {
    return parseManifest(await this.#registry.manifests.bytes(digest), type);
  }
}
