/**
 * Which manifest a client gets that cannot read what is stored.
 *
 * An index resolves to its linux/amd64 child, an OCI image to its Docker schema 2 twin. Decided by
 * the request's `Accept` alone; what cannot be given is refused with an explanation.
 */

import { parseManifest, selectPlatform } from "../oci/manifest.ts";
import { isIndexType, mediaType } from "../oci/media-type.ts";
import type { RepositoryName } from "../oci/reference.ts";
import { ManifestUnknown } from "../oci/registry-error.ts";
import type { FoundManifest, Manifests } from "./manifests.ts";
import { unknownToSchema2 } from "./schema2-twin.ts";

const defaultPlatform = { os: "linux", architecture: "amd64" } as const;
const maximumDepth = 4;

/** @throws {ManifestUnknown} when nothing equivalent can be read by the client */
export async function negotiate(
  manifests: Manifests,
  repository: RepositoryName,
  stored: FoundManifest,
  accepts: (type: string) => boolean,
  depth = 0,
): Promise<FoundManifest> {
  const { link } = stored;
  if (accepts(link.mediaType)) return stored;
  if (isIndexType(link.mediaType) && depth < maximumDepth) {
    const child = await platformChild(manifests, repository, stored);
    return negotiate(manifests, repository, child, accepts, depth + 1);
  }
  if (link.twin && accepts(mediaType.dockerManifest)) {
    return manifests.find(repository, { digest: link.twin });
  }
  throw new ManifestUnknown(await refusal(manifests, stored), {
    digest: stored.digest,
    mediaType: link.mediaType,
  });
}

async function refusal(manifests: Manifests, { digest, link }: FoundManifest): Promise<string> {
  const what = `${digest} is ${link.mediaType}, which the client does not accept`;
  const types = unknownToSchema2(parseManifest(await manifests.bytes(digest), link.mediaType));
  if (types.length === 0) return `${what}, and has no equivalent that it does`;
  return `${what}; there is no Docker schema 2 form of it, because that does not know ${types.join(", ")}: push the image with gzip layers`;
}

async function platformChild(
  manifests: Manifests,
  repository: RepositoryName,
  { digest, link }: FoundManifest,
): Promise<FoundManifest> {
  const index = parseManifest(await manifests.bytes(digest), link.mediaType);
  const child = index.kind === "index" ? selectPlatform(index, defaultPlatform) : undefined;
  if (child) return manifests.find(repository, { digest: child.digest });
  throw new ManifestUnknown(
    `${digest} is an index without a linux/amd64 image, and the client does not accept indexes`,
    { digest, mediaType: link.mediaType },
  );
}
