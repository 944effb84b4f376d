/**
 * Manifests that name another one as their subject (distribution-spec 1.1, referrers API).
 *
 * An entry is only a hint where to look: whether a referrer exists is decided by its manifest link.
 * Entries come from manifests alone. Tags `<algorithm>-<hex>`, with which clients list referrers for
 * registries without this API, add nothing: whatever they can truly name was put here as a manifest.
 */
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import type { RepositoryName } from "../oci/reference.ts";
import { DocumentChanged, DocumentDamaged } from "../storage/document.ts";
import type { Documents } from "../storage/documents.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { digestOfKey, layout } from "./layout.ts";
import type { ManifestLinks } from "./manifest-link.ts";

/** A page ends behind this many bytes of descriptors, whose annotations may be as large as manifests. */
const pageBytes = 4 * 1024 * 1024;
/** Descriptors read at the same time. */
const readAhead = 16;

/** Of a manifest, or of one that was deleted. */
export type Entry = Descriptor | { readonly state: "deleted" };

export const noEntry: Entry = { state: "deleted" };

export interface ReferrerPage {
  readonly descriptors: readonly Descriptor[];
  readonly more: boolean;
  /** Where the next page begins; may be an entry that is not visible any more. */
  readonly last?: Digest;
}

export class Referrers {
  readonly #store: ObjectStore;
  readonly #documents: Documents;
  readonly #links: ManifestLinks;

  constructor(store: ObjectStore, documents: Documents, links: ManifestLinks) {
    this.#store = store;
    this.#documents = documents;
    this.#links = links;
  }

  async add(repository: RepositoryName, manifest: Manifest): Promise<void> {
    if (!manifest.subject) return;
    const key = layout.referrer(repository, manifest.subject.digest, manifest.digest);
    const value = descriptorOf(manifest);
    try {
      await this.#documents.create<Entry>(key, { value });
    } catch (error) {
      if (!(error instanceof DocumentChanged || error instanceof DocumentDamaged)) throw error;
      // Anew, though it says the same: a collector that knew the manifest as deleted is then late.
      await this.#documents.update<Entry>(key, () => value, noEntry);
    }
  }

  /** Up to `limit` referrers behind `last`, in the order of their digests; fewer if they are large. */
  async list(
    repository: RepositoryName,
    subject: Digest,
    last: Digest | undefined,
    limit: number,
  ): Promise<ReferrerPage> {
    const prefix = layout.referrers(repository, subject);
    const after = last ? layout.referrer(repository, subject, last) : "";
    const page = await this.#store.list(prefix, { after, limit });
    const descriptors: Descriptor[] = [];
    let bytes = 0;
    let read = 0;
    for (; read < page.keys.length && bytes < pageBytes; read += readAhead) {
      const keys = page.keys.slice(read, read + readAhead);
      const found = await Promise.all(keys.map((key) => this.#visible(repository, key)));
      descriptors.push(...found.filter((one) => one !== undefined));
      bytes += JSON.stringify(found).length;
    }
    const lastKey = page.keys.slice(0, read).at(-1);
    return {
      descriptors,
      more: page.more || read < page.keys.length,
      ...(lastKey && { last: digestOfKey(lastKey) }),
    };
  }

  async #visible(repository: RepositoryName, key: string): Promise<Descriptor | undefined> {
    const link = await this.#links.readCommitted(repository, digestOfKey(key));
    const entry = link && (await this.#documents.read<Entry>(key))?.value;
    return entry && "digest" in entry ? entry : undefined;
  }
}

/** The descriptor that the referrers API lists: an image without artifactType has its config's type. */
function descriptorOf(manifest: Manifest): Descriptor {
  const configType = manifest.kind === "manifest" ? manifest.config.mediaType : undefined;
  const artifactType = manifest.artifactType ?? configType;
  return {
    mediaType: manifest.mediaType,
    digest: manifest.digest,
    size: manifest.bytes.byteLength,
    ...(artifactType !== undefined && { artifactType }),
    ...(manifest.annotations && { annotations: manifest.annotations }),
  };
}
