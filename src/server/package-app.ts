/**
 * All that is not `/v2`: packages, what Cosmos reads, health and upkeep. Loaded with its first request,
 * and express with the first that asks for more than the index.
 */
import type { RequestListener } from "node:http";
import { CosmosIndex } from "../catalog/cosmos-index.ts";
import { PackageCatalog } from "../catalog/package-catalog.ts";
import { type Config, productVersion } from "../config.ts";
import type { AppParts } from "../http/app.ts";
import { answerIndexFirst } from "../http/index-answer.ts";
import { loadedOnce } from "../http/loaded-once.ts";
import { logFailures } from "../http/request-log.ts";
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
  const openApp = async (): Promise<RequestListener> => {
    const { createApp } = await import("../http/app.ts");
    return createApp({
      ...parts,
      catalog,
      index,
      locations,
      openBlob: async (digest, range, signal) => registry.blobs.stream(digest, range, signal),
      bundleLimit: limits.bundleBytes,
      version: productVersion(),
    });
  };
  const report = logFailures(parts.log);
  return answerIndexFirst(loadedOnce(openApp, report), index, report);
}
