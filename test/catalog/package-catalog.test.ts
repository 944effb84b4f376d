/** Adding and removing packages over a real registry, alone, at the same time, and when things fail. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { PackageCatalog } from "../../src/catalog/package-catalog.ts";
import type { PublishedPackage } from "../../src/catalog/package-record.ts";
import { parseRepositoryName } from "../../src/oci/reference.ts";
import { layout } from "../../src/registry/layout.ts";
import { openRegistry } from "../../src/registry/registry.ts";
import { fixedBody } from "../fixtures/body.ts";
import { type Bundle, type BundleOptions, makeBundle, smallImage } from "../fixtures/bundle.ts";
import { describeRegistry, type Instance } from "../registry/registry-under-test.ts";
import { FailingStore } from "./failing-store.ts";

const signal = new AbortController().signal;

describeRegistry("package catalogue", (tested) => {
  const seconds = (at: number) => ({ now: () => new Date(at * 1000) });
  const here = (at = 1_700_000_000) => new PackageCatalog(tested().here, seconds(at));
  const there = (at = 1_700_000_000) => new PackageCatalog(tested().there, seconds(at));

  const bundle = (version = "1.0", content = "a", more: BundleOptions = {}): Promise<Bundle> =>
    makeBundle({ name: "hello", version, assets: { "file.txt": fixedBody(content) }, ...more });

  async function add(catalog: PackageCatalog, one: Bundle) {
    return catalog.ingest(one.stream(), signal);
  }

  async function shown(catalog: PackageCatalog): Promise<string[]> {
    const { packages } = await catalog.snapshot();
    return packages.map(({ record: { definition } }) => `${definition.name} ${definition.version}`);
  }

  /** Whether everything that `/repo` would print of a package is there. */
  async function assertWhole({ record }: PublishedPackage, registry: Instance): Promise<void> {
    for (const { repository, tag, descriptor } of record.images) {
      const name = parseRepositoryName(repository);
      assert.equal(await registry.tags.read(name, tag), descriptor.digest, `${repository}:${tag}`);
      await registry.manifests.find(name, { digest: descriptor.digest });
    }
    for (const { digest, path } of record.assets) {
      assert.ok(await registry.blobs.exists(digest), path);
      assert.ok(await new PackageCatalog(registry).asset(path), path);
    }
  }

  it("shows a package with all that belongs to it", async () => {
    const one = await bundle();
    const added = await add(here(), one);
    assert.equal(added.created, true);
    assert.equal(added.record.root, one.root);
    assert.equal(added.releaseVersion, 1_700_000_000);
    await assertWhole(added, tested().here);
    assert.deepEqual(await shown(there()), ["hello 1.0"]);
  });

  it("takes the same package again without changing anything", async () => {
    const catalog = here();
    const first = await add(catalog, await bundle());
    const before = await catalog.snapshot();
    const second = await add(here(1_800_000_000), await bundle());
    assert.deepEqual(second, { ...first, created: false });
    assert.deepEqual(await catalog.snapshot(), before);
  });

  it("publishes by root what was stored before", async () => {
    const one = await bundle();
    const catalog = here();
    await add(catalog, one);
    await catalog.remove("hello", "1.0");
    assert.equal((await catalog.publish(one.root)).created, true);
  });

  it("refuses other content under the same version, and shows nothing of it", async () => {
    const catalog = here();
    const first = await add(catalog, await bundle("1.0", "a"));
    const before = await catalog.snapshot();
    const other = await bundle("1.0", "b");
    await assert.rejects(add(catalog, other), { code: "PackageConflict" });
    assert.deepEqual(await catalog.snapshot(), before);
    assert.equal(await catalog.asset(`${"0".repeat(64)}/file.txt`), undefined);
    await assertWhole(first, tested().here);
  });

  it("gives out no asset of a package that was refused", async () => {
    const catalog = here();
    await add(catalog, await bundle("1.0", "a"));
    const other = await bundle("1.0", "b");
    await assert.rejects(add(catalog, other));
    const [path = ""] = (await catalog.snapshot()).packages.flatMap(({ record }) =>
      record.assets.map((asset) => asset.path),
    );
    assert.ok(await catalog.asset(path));
    assert.equal(await catalog.asset(path.replace("file", "other")), undefined);
  });

  it("makes each release greater than the last, also when the clock goes back", async () => {
    const { releaseVersion: first } = await add(here(2_000), await bundle("1.0"));
    const { releaseVersion: second } = await add(here(1_000), await bundle("2.0"));
    assert.deepEqual([first, second], [2_000, 2_001]);
    await here().remove("hello", "2.0");
    const { releaseVersion: third } = await add(here(1_000), await bundle("2.0"));
    assert.equal(third, 2_002);
  });

  it("takes a removed package out at once and keeps its content for running services", async () => {
    const catalog = here();
    const added = await add(catalog, await bundle());
    const removed = await catalog.remove("hello", "1.0");
    assert.equal(removed.record.root, added.record.root);
    assert.deepEqual(await shown(catalog), []);
    await assertWhole(added, tested().here);
  });

  it("says what there is not to remove", async () => {
    const catalog = here();
    await assert.rejects(catalog.remove("hello", "1.0"), { code: "PackageNotFound" });
    await add(catalog, await bundle());
    await assert.rejects(catalog.remove("hello", "2.0"), { code: "VersionNotFound" });
    await catalog.remove("hello", "1.0");
    await assert.rejects(catalog.remove("hello", "1.0"), { code: "PackageNotFound" });
  });

  it("lets one of several instances add the same, and all succeed", async () => {
    const results = await Promise.all([
      add(here(), await bundle()),
      add(there(), await bundle()),
      add(here(), await bundle()),
    ]);
    assert.equal(results.filter(({ created }) => created).length, 1);
    assert.equal(new Set(results.map(({ releaseVersion }) => releaseVersion)).size, 1);
    for (const one of results) await assertWhole(one, tested().there);
    assert.deepEqual(await shown(here()), ["hello 1.0"]);
  });

  it("lets one of several contents of a version win, whole", async () => {
    const results = await Promise.allSettled(
      ["a", "b", "c"].map(async (content, at) =>
        add(at % 2 ? there() : here(), await bundle("1.0", content)),
      ),
    );
    const won = results.filter((one) => one.status === "fulfilled");
    assert.equal(won.length, 1);
    for (const one of results) {
      if (one.status === "rejected") assert.equal(one.reason.code, "PackageConflict");
      else await assertWhole(one.value, tested().there);
    }
    assert.deepEqual(await shown(here()), ["hello 1.0"]);
  });

  it("adds many versions at the same time, each with a release of its own", async () => {
    const versions = Array.from({ length: 8 }, (_, at) => `${at}.0`);
    const added = await Promise.all(
      versions.map(async (version, at) => add(at % 2 ? there() : here(), await bundle(version))),
    );
    assert.equal(new Set(added.map(({ releaseVersion }) => releaseVersion)).size, 8);
    assert.deepEqual((await shown(here())).sort(), versions.map((one) => `hello ${one}`).sort());
  });

  it("shows nothing of a package whose image has a name that is taken", async () => {
    const one = await bundle();
    const catalog = here();
    const { record } = await add(catalog, one);
    await catalog.remove("hello", "1.0");
    const [image] = record.images;
    assert.ok(image);
    const { documents } = tested().here;
    const name = parseRepositoryName(image.repository);
    await documents.update(layout.tag(name, image.tag), () => ({
      state: "live",
      digest: one.root,
    }));
    await assert.rejects(add(catalog, one), { code: "CONFLICT" });
    assert.deepEqual(await shown(catalog), []);
  });

  it("keeps an image's name that another package needs when an addition fails late", async () => {
    // Both versions hold the same image, so they share its name; the first to claim it fails.
    const image = { "docker.io/acme/main:1": await smallImage("shared") };
    const { here: first } = tested();
    const commit = first.store.hold("save", /^catalog$/);
    const failing = add(here(), await bundle("1.0", "a", { images: image }));
    failing.catch(() => {});
    await commit.proceed(); // the pending entry
    const committing = first.store.hold("save", /^catalog$/);
    await committing.arrived; // the name is claimed by now
    const pending = tested().there.store.hold("save", /^catalog$/);
    const other = add(there(), await bundle("2.0", "b", { images: image }));
    await pending.proceed();
    const naming = tested().there.store.hold("save", /^catalog$/);
    await naming.arrived; // the other one found the name claimed
    await committing.refuse(new Error("the disk is gone"));
    await assert.rejects(failing, /the disk is gone/);
    await naming.proceed();
    await assertWhole(await other, tested().there);
  });

  it("never shows a part of a package, whichever write fails, and the next try succeeds", async () => {
    const store = new FailingStore(tested().store);
    const { options } = tested().here;
    const catalog = new PackageCatalog(openRegistry(store, options), seconds(1_700_000_000));
    const versionWithImage = async (version: string) =>
      bundle(version, version, { images: { "docker.io/acme/x:1": await smallImage(version) } });
    await add(catalog, await versionWithImage("1.0"));
    store.writes.length = 0;
    await add(catalog, await versionWithImage("2.0"));
    const writes = [...store.writes];
    assert.ok(writes.length > 5);
    for (const [at, what] of writes.entries()) {
      const version = `3.${at}`;
      const one = await versionWithImage(version);
      store.failing = at;
      const result = await add(catalog, one).catch((error: Error) => error);
      store.failing = -1;
      const visible = (await shown(there())).includes(`hello ${version}`);
      assert.equal(visible, !(result instanceof Error), `${at}: ${what}: ${result}`);
      await assertWhole(await add(there(), one), tested().there);
    }
  });

  it("does not take a catalogue that vanished for an empty one", async () => {
    const catalog = here();
    const added = await add(catalog, await bundle());
    assert.deepEqual(await shown(catalog), ["hello 1.0"]);
    for (const key of [layout.catalog, layout.catalogCopy]) await tested().store.delete(key);
    await assert.rejects(catalog.snapshot(), { code: "UNAVAILABLE" });
    const [asset] = added.record.assets;
    await assert.rejects(catalog.asset(asset?.path ?? ""), { code: "UNAVAILABLE" });
  });
});
