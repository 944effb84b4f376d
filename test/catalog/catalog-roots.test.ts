/** Protects the content of packages from the collector, for as long as their entries say. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { CatalogRoots } from "../../src/catalog/catalog-roots.ts";
import { PackageCatalog } from "../../src/catalog/package-catalog.ts";
import type { PublishedPackage } from "../../src/catalog/package-record.ts";
import { digestOfRecord } from "../../src/catalog/package-records.ts";
import { parseRepositoryName } from "../../src/oci/reference.ts";
import { layout } from "../../src/registry/layout.ts";
import { Documents } from "../../src/storage/documents.ts";
import { fixedBody } from "../fixtures/body.ts";
import { type Bundle, makeBundle, smallImage } from "../fixtures/bundle.ts";
import { CollectorUnderTest } from "../registry/collector-under-test.ts";
import { describeRegistry } from "../registry/registry-under-test.ts";
import { ScriptedStore } from "../storage/scripted-store.ts";

const { signal } = new AbortController();
const dayMs = 86_400_000;

describeRegistry("packages beside the collector", (tested) => {
  let today = new Date(0);
  const catalog = () => new PackageCatalog(tested().here, { now: () => today });
  const bundle = async (): Promise<Bundle> =>
    makeBundle({
      name: "hello",
      version: "1.0",
      assets: { "file.txt": fixedBody("x".repeat(20_000)) },
      images: { "docker.io/library/app:1": await smallImage("app") },
    });

  const gcOf = (clock?: () => number, store = new ScriptedStore(tested().store)) => {
    const documents = new Documents(store);
    const roots = new CatalogRoots(documents, {
      retainMs: 30 * dayMs,
      now: () => today,
      store,
    });
    const ages = clock ? { graceMs: 10 } : {};
    const settings = { roots: [roots], owner: roots, ages, ...(clock && { clock }) };
    return new CollectorUnderTest(store, settings);
  };
  const here = async ({ record }: PublishedPackage): Promise<boolean> => {
    const found = record.closure.map((digest) => tested().there.blobs.exists(digest));
    return (await Promise.all(found)).every(Boolean);
  };
  const pullable = async ({ record }: PublishedPackage): Promise<void> => {
    assert.ok(record.images.length > 0);
    for (const { repository, tag } of record.images) {
      await tested().there.manifests.find(parseRepositoryName(repository), { tag });
    }
  };

  it("stay with all their content, and for the retention when they are removed", async () => {
    today = new Date(0);
    const gc = gcOf();
    const added = await catalog().ingest((await bundle()).stream(), signal);
    await gc.cycles();
    assert.ok(await here(added));
    await catalog().remove("hello", "1.0");
    today = new Date(30 * dayMs - 1);
    await gc.cycles();
    assert.ok(await here(added));
    await pullable(added);
    today = new Date(30 * dayMs);
    await gc.cycles(6);
    assert.equal(await here(added), false);
    for (const { repository, descriptor } of added.record.images) {
      const name = parseRepositoryName(repository);
      await assert.rejects(tested().there.manifests.find(name, { digest: descriptor.digest }), {
        code: "MANIFEST_UNKNOWN",
      });
    }
    const again = await catalog().ingest((await bundle()).stream(), signal);
    await gc.cycles();
    await pullable(again);
    assert.ok(await here(again));
  });

  it("go with the next cycles when they are removed for good, also after a removal", async () => {
    today = new Date(0);
    for (const first of [false, true]) {
      const gc = gcOf();
      const added = await catalog().ingest((await bundle()).stream(), signal);
      await gc.cycles();
      if (first) await catalog().remove("hello", "1.0");
      const { record } = await catalog().remove("hello", "1.0", { now: true });
      assert.equal(record.root, added.record.root);
      const again = catalog().remove("hello", "1.0", { now: true });
      await assert.rejects(again, { code: "PackageNotFound" });
      await gc.cycle();
      assert.ok(await here(added)); // whoever was told that it is here keeps the grace
      await gc.cycles();
      assert.equal(await here(added), false);
    }
  });

  const recordOf = ({ record }: PublishedPackage): string => layout.package(digestOfRecord(record));

  it("leave no record behind, and have one again when they come again", async () => {
    const added = await catalog().ingest((await bundle()).stream(), signal);
    const gc = gcOf();
    await gc.cycles();
    const sizeOf = () => tested().store.stat(recordOf(added));
    assert.ok(((await sizeOf()) ?? 0) > 1000);
    await catalog().remove("hello", "1.0", { now: true });
    await gc.cycles();
    assert.ok(((await sizeOf()) ?? 0) < 500);
    await catalog().ingest((await bundle()).stream(), signal);
    await gc.cycles();
    assert.equal((await catalog().snapshot()).packages.length, 1);
  });

  for (const method of ["load", "save"] as const) {
    it(`have a record when they come again while it goes, at its ${method}`, async () => {
      const added = await catalog().ingest((await bundle()).stream(), signal);
      await catalog().remove("hello", "1.0", { now: true });
      const store = new ScriptedStore(tested().store);
      const gc = gcOf(undefined, store);
      const scanned = store.hold("list", /^rec\//);
      const cycle = gc.cycle();
      await scanned.arrived; // the catalogue was read without the entry
      const clearing = store.hold(method, /^package\//);
      await scanned.proceed();
      await clearing.arrived;
      await catalog().ingest((await bundle()).stream(), signal);
      await clearing.proceed();
      await cycle;
      const { packages, unreadable } = await new PackageCatalog(tested().there).snapshot();
      assert.deepEqual(unreadable, []);
      assert.equal(packages[0]?.record.root, added.record.root);
      await gcOf().cycles();
    });
  }

  it("are in nobody's way while their record is not written yet", async () => {
    const writing = tested().here.store.hold("save", /^package\//);
    const adding = catalog().ingest((await bundle()).stream(), signal);
    await writing.arrived;
    const gc = gcOf(() => 0);
    await gc.cycle();
    assert.equal((await gc.cycle()).roots, 1);
    await writing.proceed();
    assert.ok(await here(await adding));
  });

  it("k1: are refused when their content went before their entry was there", async () => {
    const entering = tested().here.store.hold("save", /^catalog$/);
    const adding = catalog().ingest((await bundle()).stream(), signal);
    await entering.arrived;
    await gcOf().cycles();
    await entering.proceed();
    await assert.rejects(adding);
    assert.deepEqual((await catalog().snapshot()).packages, []);
    await gcOf().cycles(6);
    await catalog().ingest((await bundle()).stream(), signal);
  });

  it("k1: are whole when collectors ran all the time between their entry and their commit", async () => {
    let now = 0;
    const gc = gcOf(() => now);
    const entering = tested().here.store.hold("save", /^catalog$/);
    const committing = tested().here.store.hold("save", /^catalog$/);
    const adding = catalog().ingest((await bundle()).stream(), signal);
    await entering.proceed();
    await committing.arrived;
    await gc.cycle();
    now = 9;
    await gc.cycle();
    await committing.proceed();
    const added = await adding;
    now = 30;
    await gc.cycles();
    assert.ok(await here(added));
    await pullable(added);
  });

  it("end when nobody completes them, and their writer learns it", async () => {
    let now = 0;
    const gc = gcOf(() => now);
    const entering = tested().here.store.hold("save", /^catalog$/);
    const committing = tested().here.store.hold("save", /^catalog$/);
    const adding = catalog().ingest((await bundle()).stream(), signal);
    await entering.proceed();
    await committing.arrived;
    await gc.cycle();
    now = 10;
    await gc.cycle();
    await committing.proceed();
    await assert.rejects(adding);
    assert.deepEqual((await catalog().snapshot()).packages, []);
  });

  it("stop the collector when what one of them keeps cannot be read", async () => {
    const added = await catalog().ingest((await bundle()).stream(), signal);
    await catalog().remove("hello", "1.0");
    const document = await new Documents(tested().store).read<{ entries: { record: never }[] }>(
      layout.catalog,
    );
    const [entry] = document?.value.entries ?? [];
    assert.ok(entry);
    await tested().store.delete(layout.package(entry.record));
    await assert.rejects(gcOf().cycle());
    assert.ok(await here(added));
  });
});
