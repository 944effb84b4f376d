/** Manifests: GET, HEAD, PUT, DELETE (distribution-spec 1.1, end-3, end-7, end-9). */
import { algorithmOf, type Digest, isDigest, parseDigest } from "../../oci/digest.ts";
import { type Manifest, parseManifest } from "../../oci/manifest.ts";
import { isTag, parseTag } from "../../oci/reference.ts";
import { DigestMismatch, ManifestUnknown, RegistryError } from "../../oci/registry-error.ts";
import type { FoundManifest, Reference } from "../../registry/manifests.ts";
import { negotiate } from "../../registry/negotiation.ts";
import { readLimited } from "../read-limited.ts";
import { type Described, sendContent } from "../send-content.ts";
import { acceptsOf } from "./accept.ts";
import { answer, type Exchange } from "./exchange.ts";
import { conditionOf } from "./preconditions.ts";
import { warningsAbout } from "./warning.ts";

/** More tags in one PUT would not fit the answer's headers (next version of the specification). */
const maximumTags = 100;

/** What a client that does not read may leave in the memory of its connection. */
export const atOnceBytes = 64 * 1024;

class TooManyTags extends RegistryError {
  readonly code = "TOO_MANY_TAGS";
  constructor(count: number) {
    super(`a manifest takes up to ${maximumTags} tags in one request, not ${count}`, { count });
  }
}

export async function getManifest(exchange: Exchange, reference: string): Promise<void> {
  const { registry, request, response } = exchange;
  const found = await wanted(exchange, parseReference(reference));
  const { digest } = found;
  const bytes = request.method === "GET" ? await registry.manifests.bytes(digest) : undefined;
  // Whoever asks first and is told that it is here does not push it.
  if (bytes === undefined) await registry.blobs.open(digest);
  await sendContent(request, response, {
    ...describeManifest(found),
    bytes: bytes && bytes.byteLength <= atOnceBytes ? bytes : undefined,
    open: async (range) => {
      const whole = bytes ?? (await registry.manifests.bytes(digest));
      return once(range ? whole.subarray(range.start, range.end + 1) : whole);
    },
  });
}

export function describeManifest({ digest, link }: FoundManifest): Described {
  return {
    size: link.size,
    etag: `"${digest}"`,
    headers: { "Content-Type": link.mediaType, "Docker-Content-Digest": digest, Vary: "Accept" },
  };
}

/** What leads nowhere is looked up once more, not from memory: nobody is refused because of the past. */
async function wanted(
  { registry: { manifests }, repository, request }: Exchange,
  reference: Reference,
): Promise<FoundManifest> {
  const accepts = acceptsOf(request.headers.accept);
  try {
    const recent = await manifests.find(repository, reference);
    return await negotiate(manifests, repository, recent, accepts);
  } catch (error) {
    if (!(error instanceof ManifestUnknown)) throw error;
    const now = await manifests.findNow(repository, reference);
    return negotiate(manifests, repository, now, accepts);
  }
}

export async function putManifest(exchange: Exchange, reference: string): Promise<void> {
  const { registry, repository, request, query } = exchange;
  const target = parseReference(reference);
  const byTag = "tag" in target;
  const tags = byTag ? [target.tag] : tagsOf(query);
  const condition = conditionOf(request.headers);
  const manifest = await readManifest(exchange, byTag ? undefined : target.digest);
  if (!byTag) condition?.(await registry.manifests.visible(repository, target.digest));
  const closure = await registry.manifests.put(
    repository,
    manifest,
    tags,
    byTag ? condition : undefined,
  );
  const warnings = warningsAbout(manifest, closure);
  answer(exchange, 201, {
    Location: `/v2/${repository}/manifests/${manifest.digest}`,
    "Docker-Content-Digest": manifest.digest,
    ...(manifest.subject && { "OCI-Subject": manifest.subject.digest }),
    ...(!byTag && tags.length > 0 && { "OCI-Tag": tags }),
    ...(warnings.length > 0 && { Warning: warnings }),
  });
}

/** @throws {RequestTooLarge | ManifestInvalid | DigestMismatch} */
async function readManifest(
  { registry, request }: Exchange,
  expected: Digest | undefined,
): Promise<Manifest> {
  const bytes = await readLimited(request, registry.options.manifestLimit);
  const algorithm = expected === undefined ? "sha256" : algorithmOf(expected);
  const manifest = parseManifest(bytes, request.headers["content-type"] ?? "", algorithm);
  if (expected !== undefined && expected !== manifest.digest) {
    throw new DigestMismatch(expected, manifest.digest);
  }
  return manifest;
}

/** Of a PUT by digest: names that it gets besides (next version of the specification). */
function tagsOf(query: URLSearchParams): string[] {
  const tags = [...new Set(query.getAll("tag").map(parseTag))];
  if (tags.length > maximumTags) throw new TooManyTags(tags.length);
  return tags;
}

/** By tag only the tag goes; by digest the manifest and all its tags. */
export async function deleteManifest(exchange: Exchange, reference: string): Promise<void> {
  const { registry, repository } = exchange;
  const target = parseReference(reference);
  if ("digest" in target) await registry.manifests.delete(repository, target.digest);
  else await registry.manifests.untag(repository, target.tag);
  answer(exchange, 202);
}

/** What is neither a tag nor a digest is refused as the one it resembles. */
function parseReference(text: string): Reference {
  if (isDigest(text)) return { digest: text };
  if (isTag(text)) return { tag: text };
  return text.includes(":") ? { digest: parseDigest(text) } : { tag: parseTag(text) };
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
