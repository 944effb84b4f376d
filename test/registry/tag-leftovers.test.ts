/** Hints that mean nothing and tags of packages that are gone are cleared; nothing that is used goes. */
import assert from "node:assert/strict";
import { it } from "node:test";
import type { LinkOwner } from "../../src/registry/collector/link-roots.ts";
import { layout } from "../../src/registry/layout.ts";
import { StoreUnavailable } from "../../src/storage/store-error.ts";
import { allKeys } from "../storage/bytes.ts";
import { CollectorUnderTest } from "./collector-under-test.ts";
import { imageOf, pushImage, repository } from "./content.ts";
import { describeRegistry } from "./registry-under-test.ts";

const image = imageOf(1, { format: "docker" });
const { digest } = image.manifest;
const tag = "v1";
const hint = /^tag\/.*!.{18}$/;
const document = /^tag\/[^!]*![^!/]*\/v1$/;

const nobody: LinkOwner = { ownsLink: () => false, ownsTag: () => false, mayOwnTag: () => true };
const somebody: LinkOwner = { ownsLink: () => true, ownsTag: () => true, mayOwnTag: () => true };

describeRegistry("hints of tags beside the collector", (tested) => {
  const hints = async () => (await allKeys(tested().store, "tag/")).filter((key) => hint.test(key));
  const listed = async () => (await tested().there.tags.list(repository, "", 10)).tags;
  const collector = () => new CollectorUnderTest(tested().store);

  it("go when the delete that made them broke off, and stay when it did not", async () => {
    const { here } = tested();
    await pushImage(here, image, [tag, "v2"]);
    const burying = here.store.hold("save", document);
    const deleted = here.manifests.untag(repository, tag);
    await burying.refuse(new StoreUnavailable("gone away"));
    const repeated = here.store.hold("load", document);
    await repeated.refuse(new StoreUnavailable("gone away"));
    await assert.rejects(deleted, StoreUnavailable);
    await here.manifests.untag(repository, "v2");
    const before = await hints();
    assert.equal(before.length, 2);
    const gc = collector();
    await gc.cycles();
    const stale = layout.tag(repository, tag);
    assert.deepEqual(
      await hints(),
      before.filter((key) => !key.startsWith(stale)),
    );
    assert.deepEqual(await listed(), [tag]);
    gc.store.takeRequests();
    await gc.cycle();
    const again = gc.store.takeRequests().filter((request) => /^(?:load|save) tag\//.test(request));
    // A disk promises nothing of files that were written a moment ago.
    const { stamps = [] } = await tested().store.list(layout.tags(repository), { stamps: true });
    const settled = stamps.every((stamp) => stamp !== undefined);
    assert.equal(again.length, settled ? 0 : 1, "what is settled is not looked at again");
  });

  it("are fenced first: a delete that is late makes another one", async () => {
    const { here } = tested();
    await pushImage(here, image, [tag]);
    const burying = here.store.hold("save", document);
    const deleted = here.manifests.untag(repository, tag);
    await burying.arrived;
    await collector().cycles();
    assert.deepEqual(await hints(), []);
    await burying.proceed();
    await deleted;
    assert.equal((await hints()).length, 1);
    assert.deepEqual(await listed(), []);
  });

  it("stay when a delete names them while they are fenced", async () => {
    const { here } = tested();
    await pushImage(here, image, [tag]);
    const burying = here.store.hold("save", document);
    const deleted = here.manifests.untag(repository, tag);
    await burying.arrived;
    const gc = collector();
    await gc.cycle();
    const fencing = gc.store.hold("save", document);
    const cycle = gc.cycle();
    await fencing.arrived;
    await burying.proceed();
    await deleted;
    await fencing.proceed();
    await cycle;
    assert.equal((await hints()).length, 1);
    assert.deepEqual(await listed(), []);
  });
});

describeRegistry("tags of packages beside the collector", (tested) => {
  const listed = async () => (await tested().there.tags.list(repository, "", 10)).tags;
  const claim = () => tested().there.tags.claim(repository, tag, digest);
  const collector = (owner: LinkOwner) => new CollectorUnderTest(tested().store, { owner });

  it("stay while a package has them, and are free when none has", async () => {
    await claim();
    await collector(somebody).cycles();
    assert.deepEqual(await listed(), [tag]);
    await collector(nobody).cycles(1);
    assert.deepEqual(await listed(), []);
    const other = imageOf(2, { format: "docker" });
    await tested().here.tags.claim(repository, tag, other.manifest.digest);
    assert.equal(await tested().there.tags.read(repository, tag), other.manifest.digest);
  });

  it("stay when a package claims them while they are dropped", async () => {
    for (const method of ["load", "save"] as const) {
      await claim();
      const gc = collector(nobody);
      const scanned = gc.store.hold("list", /^rec\//);
      const cycle = gc.cycle();
      await scanned.arrived; // the tag is known, and no package that has it
      const dropping = gc.store.hold(method, document);
      await scanned.proceed();
      await dropping.arrived;
      await claim();
      await dropping.proceed();
      await cycle;
      assert.deepEqual(await listed(), [tag], method);
    }
  });

  it("are a client's who has put them, too, before or behind the package", async () => {
    const { here } = tested();
    for (const first of [true, false]) {
      if (first) await pushImage(here, image, [tag]);
      const made = await claim();
      if (!first) await pushImage(here, image, [tag]);
      if (made) await here.tags.unclaim(repository, tag, made);
      await assert.rejects(here.manifests.untag(repository, tag), { code: "DENIED" });
      await collector(nobody).cycles();
      assert.deepEqual(await listed(), [tag]);
      await here.manifests.untag(repository, tag);
      assert.deepEqual(await listed(), []);
    }
  });
});
