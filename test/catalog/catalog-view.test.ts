/** A damaged record costs its own package and nothing else. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CosmosIndex } from "../../src/catalog/cosmos-index.ts";
import { PackageCatalog } from "../../src/catalog/package-catalog.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { layout } from "../../src/registry/layout.ts";
import { openRegistry } from "../../src/registry/registry.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
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
