/** Nothing that was acknowledged is lost when the catalogue document is: it is healed from its copy. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { CatalogRoots } from "../../src/catalog/catalog-roots.ts";
import { PackageCatalog } from "../../src/catalog/package-catalog.ts";
import { CatalogLost } from "../../src/catalog/stored-catalog.ts";
import { layout } from "../../src/registry/layout.ts";
import { Documents } from "../../src/storage/documents.ts";
import { StoreUnavailable } from "../../src/storage/store-error.ts";
import { fixedBody } from "../fixtures/body.ts";
import { makeBundle } from "../fixtures/bundle.ts";
import { CollectorUnderTest } from "../registry/collector-under-test.ts";
import { describeRegistry } from "../registry/registry-under-test.ts";

const { signal } = new AbortController();
const copy = new RegExp(`^${layout.catalogCopy}$`);

describeRegistry("the catalogue document", (tested) => {
  const here = () => new PackageCatalog(tested().here);
  const there = () => new PackageCatalog(tested().there);
  const add = async (version: string) => {
    const assets = { f: fixedBody(`content of ${version}`) };
    const bundle = await makeBundle({ name: "hello", version, assets });
    return here().ingest(bundle.stream(), signal);
  };
  const shown = async (catalog = there()) =>
    (await catalog.snapshot()).packages.map(
      ({ record, releaseVersion }) => `${record.definition.version} ${releaseVersion}`,
    );
  const damage = async (key: string) => {
    const { bytes, revision } = (await tested().store.load(key)) ?? assert.fail(key);
    await tested().store.save(key, bytes.subarray(1), { revision });
  };
  const gc = () => {
    const documents = new Documents(tested().store);
    const roots = new CatalogRoots(documents, { retainMs: 1e9, store: tested().store });
    return new CollectorUnderTest(tested().store, { roots: [roots], owner: roots });
  };

  for (const [lost, lose] of [
    ["damaged", damage],
    ["lost", (key: string) => tested().store.delete(key)],
  ] as const) {
    it(`is healed when it is ${lost}, whoever comes first`, async () => {
      await add("1");
      await add("2");
      await here().remove("hello", "1");
      const before = await shown();
      assert.equal(before.length, 1);
      for (const first of ["a reader", "a writer", "a collector"] as const) {
        await lose(layout.catalog);
        if (first === "a writer")
          await here()
            .remove("hello", "none")
            .catch(() => undefined);
        if (first === "a collector") await gc().cycles();
        assert.deepEqual(await shown(), before, first);
      }
      await add("3");
      assert.equal((await shown()).length, 2);
    });
  }

  it("has a copy before anybody is told of a change", async () => {
    const { store } = tested().here;
    await add("1");
    for (const version of ["2", "3"]) {
      const copying = store.hold("save", copy);
      const adding = add(version);
      await copying.arrived;
      if (version === "3") store.outage(/catalog/);
      await copying.drop();
      if (version === "2") await adding;
      else await assert.rejects(adding, StoreUnavailable);
      store.outage(undefined);
      await damage(layout.catalog);
      assert.deepEqual((await shown()).length, 2, `with the version ${version}`);
    }
  });

  it("does not go back to an older copy when several make one", async () => {
    await add("1");
    await add("2");
    for (const [version, method] of [
      ["1", "load"],
      ["2", "save"],
    ] as const) {
      const copying = tested().here.store.hold(method, copy);
      const adding = add(`3-${method}`);
      await copying.arrived;
      await there().remove("hello", version);
      await copying.proceed();
      await adding;
      const before = await shown();
      await damage(layout.catalog);
      assert.deepEqual(await shown(), before);
    }
  });

  it("says what to do when its copy is damaged, too, and nothing is collected", async () => {
    const added = await add("1");
    await damage(layout.catalogCopy);
    await gc().cycle();
    await damage(layout.catalog);
    assert.equal((await shown()).length, 1, "a collector repairs the copy");
    for (const key of [layout.catalogCopy, layout.catalog]) await damage(key);
    await assert.rejects(shown(), (error) => {
      assert.ok(error instanceof CatalogLost);
      assert.match(error.message, /delete the objects "catalog" and "catalog-copy".*restore/);
      return true;
    });
    await assert.rejects(gc().cycle(), CatalogLost);
    assert.equal(await tested().there.blobs.exists(added.record.root), true);
  });
});
