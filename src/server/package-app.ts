/** All that is not `/v2`: packages, what Cosmos reads, health and upkeep. Loaded with its first request. */
import type { RequestListener } from "node:http";
import { CosmosIndex } from "../catalog/cosmos-index.ts";
import { PackageCatalog } from "../catalog/package-catalog.ts";
import { type Config, productVersion } from "../config.ts";
import { type AppParts, answerIndexFirst, createApp } from "../http/app.ts";
import type { Registry } from "../registry/registry.ts";

/** @param parts what it shares with `/v2`, and what else it tells of */
export function createPackageApp(
  { publicUrl, imageHost, limits }: Config,
  registry: Registry,
  parts: Omit<AppParts, "catalog" | "index" | "locations" | "openBlob" | "bundleLimit" | "version">,
): RequestListener {
  const catalog = new PackageCatalog(registry);
  const locations = { publicUrl, imageHost };
  const index = new CosmosIndex({ catalog, locations });
  const app = createApp({
    ...parts,
    catalog,
    index,
    locations,
    openBlob: async (digest, range, signal) => registry.blobs.stream(digest, range, signal),
    bundleLimit: limits.bundleBytes,
    version: productVersion(),
  });
  return answerIndexFirst(app, index);
}
