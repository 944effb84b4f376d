/** A damaged record costs its own package and nothing else; a large catalogue is remembered, too. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { CatalogEntry } from "../../src/catalog/catalog-document.ts";
import { CosmosIndex } from "../../src/catalog/cosmos-index.ts";
import { PackageCatalog } from "../../src/catalog/package-catalog.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { layout } from "../../src/registry/layout.ts";
import { openRegistry } from "../../src/registry/registry.ts";
import { DocumentCache } from "../../src/storage/document-cache.ts";
import { ForwardingStore } from "../../src/storage/forwarding-store.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import type { LoadedObject, Revision } from "../../src/storage/object-store.ts";
import { fixedBody } from "../fixtures/body.ts";
import { makeBundle } from "../fixtures/bundle.ts";

const options = { manifestLimit: 4 * 1024 * 1024, uploadLifeMs: 60_000 };
const locations = { publicUrl: "https://registry.test", imageHost: "registry.test" };

describe("catalogue with a damaged record", () => {
  it("shows the other packages and names the one that is missing", async () => {
    const store = new MemoryStore();
    const adding = new PackageCatalog(openRegistry(store, options));
    for (const name of ["good", "bad"]) {
      const bundle = await makeBundle({ name, version: "1", assets: { f: fixedBody(name) } });
      await adding.ingest(bundle.stream(), new AbortController().signal);
    }
    const { packages } = await adding.snapshot();
    const bad = packages.find(({ record }) => record.definition.name === "bad");
    const key = layout.package(digestOf(JSON.stringify(bad?.record)));
    const stored = await store.load(key);
    assert.ok(stored, "the record stands where its content says");
    await store.save(key, Buffer.from("torn"), { revision: stored.revision });

    const catalog = new PackageCatalog(openRegistry(store, options));
    const index = new CosmosIndex({ catalog, locations });
    assert.deepEqual(await index.health(), { packageCount: 1, leftOut: ["bad 1"] });
  });
});

describe("catalogue in memory", () => {
  const entry = (number: number): CatalogEntry => ({
    id: `attempt-${number}`,
    name: `package-${number}`,
    version: "1",
    state: "retired",
    record: digestOf("not written"),
    root: digestOf(String(number)),
    releaseVersion: number,
    addedAt: "2026-01-01T00:00:00Z",
  });

  it("is told from there however many packages there are", async () => {
    const store = new MemoryStore();
    const cache = new DocumentCache({ maxAgeMs: Number.POSITIVE_INFINITY });
    const registry = openRegistry(store, options, { cache, changes: cache });
    const entries = Array.from({ length: 10_000 }, (_, number) => entry(number));
    await registry.documents.create(layout.package(digestOf("not written")), {
      value: { assets: [] },
    });
    await registry.documents.create(layout.catalog, { value: { entries, lastRelease: {} } });
    const catalog = new PackageCatalog(registry);
    assert.equal(catalog.recall(), undefined);
    const snapshot = await catalog.snapshot();
    assert.equal(catalog.recall(), snapshot);
    assert.equal(await catalog.snapshot(), snapshot);
  });

  it("reads each record once, and few at a time, however many ask for it at first", async () => {
    const written = new MemoryStore();
    const { documents } = openRegistry(written, options);
    const entries = Array.from({ length: 300 }, (_, number) => ({
      ...entry(number),
      record: digestOf(String(number)),
    }));
    for (const { record } of entries) {
      await documents.create(layout.package(record), { value: { assets: [] } });
    }
    await documents.create(layout.catalog, { value: { entries, lastRelease: {} } });
    const store = new CountingStore(written);
    const catalog = new PackageCatalog(openRegistry(store, options));
    await Promise.all(Array.from({ length: 20 }, () => catalog.snapshot()));
    assert.equal(store.loaded, entries.length);
    assert.ok(store.most <= 64, `${store.most} at a time`);
  });
});

/** Counts how package records are read. */
class CountingStore extends ForwardingStore {
  loaded = 0;
  most = 0;
  #now = 0;

  override async load(key: string, known?: Revision): Promise<LoadedObject | undefined> {
    if (!key.startsWith("package/")) return super.load(key, known);
    this.loaded += 1;
    this.#now += 1;
    this.most = Math.max(this.most, this.#now);
    await setImmediate();
    this.#now -= 1;
    return super.load(key, known);
  }
}
