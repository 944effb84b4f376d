/** Everything a manifest keeps alive: itself and what it names, transitively. */
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { type Manifest, parseManifest } from "../oci/manifest.ts";
import { isManifestType } from "../oci/media-type.ts";
import { ManifestInvalid } from "../oci/registry-error.ts";
import { successors } from "../oci/successors.ts";

/** Indexes inside indexes; real ones have two levels. */
const maximumDepth = 16;
/** Digests below one manifest; a link with more would be too large a document. */
const maximumDigests = 50_000;

export interface Closure {
  /** Must be here when the manifest becomes visible. */
  readonly required: ReadonlySet<Digest>;
  /** Kept when it is here: non-distributable layers, children of an index that are no manifests. */
  readonly optional: ReadonlySet<Digest>;
}

/** @returns the content of a child manifest, undefined when it is not here (a sparse index) */
export type ReadChild = (child: Descriptor) => Promise<Buffer | undefined>;

/** Each manifest is read once. @throws {ManifestInvalid} when the graph is too deep or too large */
export async function closureOf(root: Manifest, read: ReadChild): Promise<Closure> {
  const required = new Set<Digest>([root.digest]);
  const optional = new Set<Digest>();
  const descended = new Set<Digest>([root.digest]);
  let level: readonly Manifest[] = [root];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth === maximumDepth) throw new ManifestInvalid(`more than ${depth} nested indexes`);
    level = await descend(level, read, { required, optional, descended });
    if (required.size + optional.size > maximumDigests) {
      throw new ManifestInvalid(`the manifest references more than ${maximumDigests} digests`);
    }
  }
  return { required, optional };
}

interface Found {
  readonly required: Set<Digest>;
  readonly optional: Set<Digest>;
  /** Manifests that were looked into. One that is also named as a blob must be looked into, too. */
  readonly descended: Set<Digest>;
}

async function descend(
  level: readonly Manifest[],
  read: ReadChild,
  found: Found,
): Promise<Manifest[]> {
  const below: Manifest[] = [];
  for (const { kind, descriptor, required } of level.flatMap(successors)) {
    const { digest } = descriptor;
    if (kind === "blob") {
      keep(found, digest, required);
    } else if (!found.descended.has(digest)) {
      found.descended.add(digest);
      const child = await readManifest(descriptor, read);
      keep(found, digest, child !== undefined);
      if (child) below.push(child);
    }
  }
  return below;
}

function keep({ required, optional }: Found, digest: Digest, needed: boolean): void {
  (needed ? required : optional).add(digest);
}

async function readManifest(child: Descriptor, read: ReadChild): Promise<Manifest | undefined> {
  if (!isManifestType(child.mediaType)) return undefined;
  const bytes = await read(child);
  return bytes && parseManifest(bytes, child.mediaType);
}
