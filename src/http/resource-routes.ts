/**
 * `/resources/<64 hex>/<file name>`: the assets, icons, screenshots and CLI binaries of packages.
 *
 * Cosmos' proxy, the Mesos fetcher and browsers read here, so every answer has a length and a type,
 * never changes, and can run no script. Only files that a package names are given out.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Router } from "express";
import type { Catalog } from "../catalog/catalog.ts";
import type { Digest } from "../oci/digest.ts";
import type { PackageAsset } from "../packages/package-content.ts";
import { assetContentType } from "./asset-content-type.ts";
import type { ByteRange } from "./byte-range.ts";
import { MethodNotAllowed, NotFound } from "./request-error.ts";
import { sendContent } from "./send-content.ts";

/** Opens stored bytes; a chunk is valid only until the next one is asked for. */
export type OpenBlob = (
  digest: Digest,
  range: ByteRange | undefined,
  signal: AbortSignal,
) => Promise<AsyncIterable<Uint8Array>>;

export interface ResourceSource {
  readonly catalog: Pick<Catalog, "asset">;
  readonly openBlob: OpenBlob;
}

const path = /^\/([a-f0-9]{64}\/[^/?]{1,255})(?:\?|$)/;

export function resourceRoutes(source: ResourceSource): Router {
  const router = Router({ caseSensitive: true });
  router.use("/resources", async (request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      throw new MethodNotAllowed("GET, HEAD");
    }
    await sendResource(source, request.url, request, response);
  });
  return router;
}

/**
 * @param url what follows `/resources` in the request's URL, as sent: the name of a file may hold
 *   `%2B`, and Mesos saves it under just that name
 * @throws {NotFound}
 */
export async function sendResource(
  { catalog, openBlob }: ResourceSource,
  url: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const asset = await findAsset(catalog, path.exec(url)?.[1]);
  if (!asset) throw new NotFound();
  const { digest, size } = asset;
  await sendContent(request, response, {
    size,
    etag: `"${digest}"`,
    headers: {
      "Content-Type": assetContentType(asset.path),
      "Cache-Control": "public, max-age=31536000, immutable",
      "X-Content-Type-Options": "nosniff",
      "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
    },
    open: (range, signal) => openBlob(digest, range, signal),
  });
}

/** Proxies on the way may have decoded or encoded the name: it is looked up as sent first. */
async function findAsset(
  catalog: Pick<Catalog, "asset">,
  sent: string | undefined,
): Promise<PackageAsset | undefined> {
  if (sent === undefined) return undefined;
  for (const spelling of new Set([sent, decoded(sent), encoded(sent)])) {
    const asset = await catalog.asset(spelling);
    if (asset) return asset;
  }
  return undefined;
}

function decoded(text: string): string {
  try {
    const plain = decodeURIComponent(text);
    return path.test(`/${plain}`) ? plain : text;
  } catch {
    return text;
  }
}

function encoded(text: string): string {
  return text.split("/").map(encodeURIComponent).join("/");
}
