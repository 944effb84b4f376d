/**
 * `/bundles/<64 hex>/<name>-<version>.dcos`: each published package as a file, by the digest of its root.
 *
 * The bytes never change, so downloads can go on where they broke off. Open to everybody, as all that
 * is in it can be pulled by everybody.
 */
import { Router } from "express";
import type { Catalog } from "../catalog/catalog.ts";
import { parseDigest } from "../oci/digest.ts";
import { MethodNotAllowed, NotFound } from "./request-error.ts";
import { sendContent } from "./send-content.ts";

const path = /^\/([a-f0-9]{64})\/([A-Za-z0-9.-]{1,255})\.dcos(?:\?|$)/;

export function bundleRoutes(catalog: Pick<Catalog, "bundle">): Router {
  const router = Router({ caseSensitive: true });
  router.use("/bundles", async (request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      throw new MethodNotAllowed("GET, HEAD");
    }
    const [, hex, file] = path.exec(request.url) ?? [];
    if (hex === undefined) throw new NotFound();
    const root = parseDigest(`sha256:${hex}`);
    const bundle = await catalog.bundle(root);
    if (bundle === undefined || file !== `${bundle.name}-${bundle.version}`) throw new NotFound();
    await sendContent(request, response, {
      size: bundle.size,
      etag: `"${root}"`,
      headers: {
        "Content-Type": "application/x-tar",
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
      },
      open: async (range, signal) => bundle.read(range, signal),
    });
  });
  return router;
}
