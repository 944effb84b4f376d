/**
 * Publishes `.dcos` files as they lie on a disk, without importing them.
 *
 * Only headers and documents are read, so that many gigabytes are served within a second; contents are
 * verified by whoever pulls them, by their digests. Equal files in equal order give an equal index
 * on every machine, so that several can serve it under one name.
 */
import { open } from "node:fs/promises";
import type { Digest } from "../oci/digest.ts";
import { BundleInvalid } from "../packages/bundle-error.ts";
import { mapBundle } from "../packages/bundle-map.ts";
import { layout } from "../registry/layout.ts";
import type { Registry } from "../registry/registry.ts";
import type { FileRangesStore } from "../storage/file-ranges-store.ts";
import { PackageCatalog } from "./package-catalog.ts";
import type { PublishedPackage } from "./package-record.ts";

/** A file that cannot be served, named in front of the reason. */
export class BundleUnservable extends Error {
  readonly code = "BUNDLE_UNSERVABLE";
  constructor(file: string, cause: Error) {
    super(`${file}: ${cause.message}`, { cause });
    this.name = new.target.name;
  }
}

/** Release numbers count from the order of the files, not from the time of the start. */
const beginning = () => new Date(0);

/**
 * @param registry over `store`
 * @param files    absolute; of one name, the version given last is the default
 * @throws {BundleUnservable}
 */
export async function mountBundles(
  registry: Registry,
  store: FileRangesStore,
  files: readonly string[],
): Promise<PublishedPackage[]> {
  const catalog = new PackageCatalog(registry, { now: beginning });
  const published: PublishedPackage[] = [];
  for (const file of files) {
    try {
      published.push(await catalog.publish(await mount(registry, store, file)));
    } catch (cause) {
      throw cause instanceof Error ? new BundleUnservable(file, cause) : cause;
    }
  }
  return published;
}

async function mount(registry: Registry, store: FileRangesStore, file: string): Promise<Digest> {
  const handle = await open(file);
  try {
    const { root, blobs } = await mapBundle(handle);
    for (const [digest, { offset, size }] of blobs) {
      const key = layout.newData(digest);
      store.place(key, { file, offset, size });
      const fence = await registry.blobs.fence(digest);
      const there = fence !== undefined && (await registry.blobs.exists(digest));
      if (!there) await registry.blobs.adopt(digest, fence, [{ key, size }]);
    }
    if (blobs.size === 0) throw new BundleInvalid("bundle is empty");
    return root.digest;
  } finally {
    await handle.close();
  }
}
