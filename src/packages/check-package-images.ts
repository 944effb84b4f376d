/**
 * Compares what the manifests of a package state with what is really here.
 *
 * A digest alone does not protect: a wrong size breaks the answer to an agent, and an index of which
 * no platform came along pulls as "not found". Layers that are missing are the caller's to report.
 */
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { type Manifest, parseManifest } from "../oci/manifest.ts";
import { isManifestType } from "../oci/media-type.ts";
import { RegistryError } from "../oci/registry-error.ts";
import { successors } from "../oci/successors.ts";
import { BundleInvalid } from "./bundle-error.ts";
import type { PackageContent, PackageImage } from "./package-content.ts";

export interface StoredContent {
  /** Bytes that the content has; undefined when it is not here. */
  sizeOf(digest: Digest): Promise<number | undefined>;
  /** Content that is here. */
  read(digest: Digest): Promise<Buffer>;
}

type Stated = Pick<Descriptor, "digest" | "size">;

/** Sizes asked for at the same time. */
const parallelChecks = 16;

/** @throws {BundleInvalid} */
export async function checkPackageImages(
  { assets, images }: PackageContent,
  stored: StoredContent,
): Promise<void> {
  const blobs: Stated[] = [...assets];
  for (const image of images) {
    const walk = new ImageWalk(image, stored);
    blobs.push(...(await walk.blobs()));
  }
  for (let at = 0; at < blobs.length; at += parallelChecks) {
    const some = blobs.slice(at, at + parallelChecks);
    await Promise.all(some.map((blob) => isHere(blob, stored)));
  }
}

/** @throws {BundleInvalid} when the content is here with another size */
async function isHere({ digest, size }: Stated, stored: StoredContent): Promise<boolean> {
  const actual = await stored.sizeOf(digest);
  if (actual === undefined || actual === size) return actual !== undefined;
  throw new BundleInvalid(`the package says that ${digest} has ${size} bytes, not ${actual}`);
}

/** One image from its top down; each manifest is looked at once, however often it is named. */
class ImageWalk {
  readonly #image: PackageImage;
  readonly #stored: StoredContent;
  readonly #seen = new Set<Digest>();
  readonly #blobs = new Map<Digest, Stated>();
  #runnable = false;

  constructor(image: PackageImage, stored: StoredContent) {
    this.#image = image;
    this.#stored = stored;
  }

  /** Configs and layers of every manifest that is here. */
  async blobs(): Promise<Stated[]> {
    const { reference, descriptor } = this.#image;
    const waiting = [descriptor];
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      waiting.push(...(await this.#visit(next)));
    }
    if (this.#runnable) return [...this.#blobs.values()];
    throw new BundleInvalid(`the package lacks the content of image ${reference}`, {
      hint: "no manifest of it that an agent could run came along; build the bundle again",
    });
  }

  /** @returns the manifests below */
  async #visit(descriptor: Descriptor): Promise<Descriptor[]> {
    const { digest, mediaType: type } = descriptor;
    if (!isManifestType(type) || this.#seen.has(digest)) return [];
    this.#seen.add(digest);
    if (!(await isHere(descriptor, this.#stored))) return [];
    const manifest = this.#parse(await this.#stored.read(digest), type);
    if (manifest.kind === "index") return [...manifest.manifests];
    this.#runnable = true;
    for (const { descriptor: blob } of successors(manifest)) this.#blobs.set(blob.digest, blob);
    return [];
  }

  #parse(bytes: Buffer, type: string): Manifest {
    try {
      return parseManifest(bytes, type);
    } catch (cause) {
      if (!(cause instanceof RegistryError)) throw cause;
      const { reference } = this.#image;
      throw new BundleInvalid(`image ${reference}: ${cause.message}`, { cause });
    }
  }
}
