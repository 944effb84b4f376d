/**
 * Documents beside blob records: whether they can be read, and whether what manifests need is here.
 *
 * A damaged document is only reported. What it said is not known, so whoever knows it has to say it
 * again: putting the manifest or the tag, or adding the package, writes over it.
 */
import { type Digest, digestOf } from "../../oci/digest.ts";
import { parseManifest } from "../../oci/manifest.ts";
import { successors } from "../../oci/successors.ts";
import { DocumentDamaged } from "../../storage/document.ts";
import type { Documents } from "../../storage/documents.ts";
import { isPresent } from "../blob-record.ts";
import type { BlobStore } from "../blob-store.ts";
import { layout, linkOfKey } from "../layout.ts";
import type { ManifestLink } from "../manifest-link.ts";
import type { Damage } from "./damage.ts";

/** Digests that were found a moment ago are not looked up again for the next manifest. */
const remembered = 50_000;

export interface DocumentCheckOptions {
  readonly documents: Documents;
  readonly blobs: BlobStore;
  readonly manifestLimit: number;
  /** ISO 8601. */
  readonly now: () => string;
}

export class DocumentCheck {
  readonly #options: DocumentCheckOptions;
  readonly #here = new Set<Digest>();

  constructor(options: DocumentCheckOptions) {
    this.#options = options;
  }

  /** @returns what is wrong with this document and with what it needs */
  async problems(key: string): Promise<Damage[]> {
    const { documents, now } = this.#options;
    try {
      const document = await documents.read<unknown>(key);
      if (document === undefined) return [];
      const why = problemOf(key, document.value);
      if (why !== undefined) return [{ key, why, foundAt: now() }];
      return key.startsWith(layout.links) ? await this.#needs(key, document.value) : [];
    } catch (error) {
      if (!(error instanceof DocumentDamaged)) throw error;
      return [{ key, why: "it cannot be read", foundAt: now() }];
    }
  }

  /** Only what a manifest names itself: its children have links of their own. */
  async #needs(key: string, value: unknown): Promise<Damage[]> {
    const link = value as ManifestLink;
    if (link.state !== "committed") return [];
    const { digest, name } = linked(key);
    if (!(await this.#isHere(digest))) return [this.#missing(digest, name)];
    const { blobs, manifestLimit } = this.#options;
    const manifest = parseManifest(await blobs.bytes(digest, manifestLimit), link.mediaType);
    const needed = successors(manifest).filter(({ kind, required }) => kind === "blob" && required);
    const missing: Damage[] = [];
    for (const { descriptor } of needed) {
      if (!(await this.#isHere(descriptor.digest))) {
        missing.push(this.#missing(descriptor.digest, name));
      }
    }
    return missing;
  }

  async #isHere(digest: Digest): Promise<boolean> {
    if (this.#here.has(digest)) return true;
    if (!isPresent(await this.#options.blobs.fence(digest))) return false;
    if (this.#here.size >= remembered) this.#here.clear();
    this.#here.add(digest);
    return true;
  }

  #missing(digest: Digest, name: string): Damage {
    const why = "it is not here, and a manifest needs it";
    const foundAt = this.#options.now();
    return { key: layout.record(digest), digest, why, foundAt, neededBy: [name] };
  }
}

/** `link/<repository>/<alg>-<hex>` */
function linked(key: string): { digest: Digest; name: string } {
  const { repository, digest } = linkOfKey(key);
  return { digest, name: `${repository}@${digest}` };
}

function problemOf(key: string, value: unknown): string | undefined {
  const [, , hex] = key.split("/");
  if (!key.startsWith(layout.packages)) return undefined;
  return digestOf(JSON.stringify(value)) === `sha256:${hex}` ? undefined : "it has other content";
}
