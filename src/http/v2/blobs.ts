/** Blobs: GET, HEAD, DELETE (distribution-spec 1.1, end-2 and end-10). */
import { type Digest, parseDigest } from "../../oci/digest.ts";
import { mediaType } from "../../oci/media-type.ts";
import { BlobUnknown } from "../../oci/registry-error.ts";
import { PackageContentProtected } from "../../registry/registry-errors.ts";
import { type Described, sendContent } from "../send-content.ts";
import { answer, type Exchange } from "./exchange.ts";

export async function getBlob(exchange: Exchange, digestText: string): Promise<void> {
  const { registry, request, response } = exchange;
  const digest = parseDigest(digestText);
  await refuseHidden(exchange, digest);
  // HEAD answers "is it there?", after which clients do not push: that is a promise to keep it.
  const blob = await (request.method === "HEAD"
    ? registry.blobs.require(digest)
    : registry.blobs.open(digest));
  await sendContent(request, response, {
    ...describeBlob(digest, blob.size),
    bytes: blob.inline,
    open: (range, signal) => registry.blobs.stream(digest, range, signal),
  });
}

export function describeBlob(digest: Digest, size: number): Described {
  return {
    size,
    etag: `"${digest}"`,
    headers: {
      "Content-Type": mediaType.octetStream,
      "Docker-Content-Digest": digest,
      "Cache-Control": "public, max-age=31536000, immutable",
    },
  };
}

/** Content is global: deleting a blob hides it in this repository, the collector frees the bytes. */
export async function deleteBlob(exchange: Exchange, digestText: string): Promise<void> {
  const { registry, repository } = exchange;
  const digest = parseDigest(digestText);
  await refuseHidden(exchange, digest);
  if (!(await registry.blobs.exists(digest))) throw new BlobUnknown(digest);
  if (await registry.repositories.isOfPackage(repository)) {
    throw new PackageContentProtected(`blob ${digest}`);
  }
  await registry.hidden.hide(repository, digest);
  answer(exchange, 202);
}

async function refuseHidden({ registry, repository }: Exchange, digest: Digest): Promise<void> {
  if (await registry.hidden.has(repository, digest)) throw new BlobUnknown(digest);
}
