/** Two stores and a registry on the first, for tests of moving it from one to the other. */

import { FreezableStore } from "../../../src/registry/migration/freezable-store.ts";
import type { MigrationOptions } from "../../../src/registry/migration/storage-migration.ts";
import { StorageMigration } from "../../../src/registry/migration/storage-migration.ts";
import { openRegistry, type Registry } from "../../../src/registry/registry.ts";
import type { ObjectStore } from "../../../src/storage/object-store.ts";
import { hashOf } from "../../storage/bytes.ts";

export const registryOptions = { manifestLimit: 64 * 1024, uploadLifeMs: 60 * 60 * 1000 };

/** A server whose clocks run a hundred times as fast: 2 s of it are 20 ms. */
export function serverOn(store: ObjectStore): Registry {
  const hurried = () => ({ monotonicMs: performance.now() * 100, wallMs: performance.now() * 100 });
  return openRegistry(new FreezableStore(store, hurried), registryOptions);
}

export function migration(
  source: ObjectStore,
  target: ObjectStore,
  options: Partial<MigrationOptions> = {},
): StorageMigration {
  return new StorageMigration(source, target, {
    from: "old",
    to: "new",
    concurrency: 4,
    readBack: true,
    skipDamaged: false,
    signal: new AbortController().signal,
    settleMs: 60,
    ...options,
  });
}

/** Every object but those about the migration, with the hash of its bytes. */
export async function contentsOf(store: ObjectStore): Promise<Map<string, string>> {
  const contents = new Map<string, string>();
  for (let after = "", more = true; more; ) {
    const page = await store.list("", { after });
    more = page.more;
    after = page.keys.at(-1) ?? "";
    for (const key of page.keys) {
      if (key.startsWith("migration/")) continue;
      const object = await store.load(key);
      contents.set(key, object ? hashOf(object.bytes) : "");
    }
  }
  return contents;
}
