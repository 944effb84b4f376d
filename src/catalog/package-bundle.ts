/**
 * A published package as the `.dcos` file that a build of it gives, whatever way it came here.
 *
 * Made while it is read: only the documents of the package are held. Which children of an image index
 * belong to it was settled when it was published, so that the bytes are always the same.
 */
import { annotation } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { parseManifest } from "../oci/manifest.ts";
import { mediaType } from "../oci/media-type.ts";
import { successors } from "../oci/successors.ts";
import { type BundlePlan, planBundle } from "../packages/bundle-plan.ts";
import { metadataTitle } from "../packages/package-root.ts";
import type { PackageRecord } from "./package-record.ts";

/** Reads a small blob whole. */
export type ReadDocument = (digest: Digest) => Promise<Buffer>;

export async function planPackage(record: PackageRecord, read: ReadDocument): Promise<BundlePlan> {
  const walk = new DocumentWalk(new Set(record.closure), read);
  await walk.manifest(record.root, mediaType.ociIndex);
  return planBundle(record.root, walk.documents);
}

class DocumentWalk {
  readonly documents = new Map<Digest, Buffer>();
  readonly #closure: ReadonlySet<Digest>;
  readonly #read: ReadDocument;

  constructor(closure: ReadonlySet<Digest>, read: ReadDocument) {
    this.#closure = closure;
    this.#read = read;
  }

  async manifest(digest: Digest, type: string): Promise<void> {
    if (this.documents.has(digest) || !this.#closure.has(digest)) return;
    const manifest = parseManifest(await this.#document(digest), type);
    for (const { kind, descriptor } of successors(manifest)) {
      if (kind === "manifest") await this.manifest(descriptor.digest, descriptor.mediaType);
      else if (isDocument(descriptor.mediaType, descriptor.annotations)) {
        await this.#document(descriptor.digest);
      }
    }
  }

  async #document(digest: Digest): Promise<Buffer> {
    const bytes = this.documents.get(digest) ?? (await this.#read(digest));
    this.documents.set(digest, bytes);
    return bytes;
  }
}

/** `metadata.json` and the empty config stand in front, with the manifests. */
function isDocument(type: string, annotations: Readonly<Record<string, string>> = {}): boolean {
  return type === mediaType.ociEmpty || annotations[annotation.title] === metadataTitle;
}
