/** Tags: last accepted writer, lists page by page, packages' own, lost and late requests. */
import assert from "node:assert/strict";
import { it } from "node:test";
import type { Digest } from "../../src/oci/digest.ts";
import { ManifestUnknown } from "../../src/oci/registry-error.ts";
import { PackageContentProtected, TagTaken } from "../../src/registry/registry-errors.ts";
import { TagMoved } from "../../src/registry/tags.ts";
import { StoreUnavailable } from "../../src/storage/store-error.ts";
import { allKeys } from "../storage/bytes.ts";
import { contentOf, elsewhere, imageOf, pushImage, repository } from "./content.ts";
import { describeRegistry, type Instance } from "./registry-under-test.ts";

const one = contentOf("one").digest;
const two = contentOf("two").digest;
const three = contentOf("three").digest;
const key = /^tag\//;

describeRegistry("tags", (tested) => {
  const read = (tag: string): Promise<Digest | undefined> =>
    tested().there.tags.read(repository, tag);

  async function pages(instance: Instance, limit: number): Promise<string[]> {
    const found: string[] = [];
    for (let more = true; more; ) {
      const page = await instance.tags.list(repository, found.at(-1) ?? "", limit);
      assert.ok(page.tags.length <= limit);
      found.push(...page.tags);
      ({ more } = page);
    }
    return found;
  }

  it("name a manifest in one repository, and can be moved", async () => {
    const { here } = tested();
    await here.tags.write(repository, "v1", one);
    assert.equal(await read("v1"), one);
    assert.equal(await here.tags.read(elsewhere, "v1"), undefined);
    await here.tags.write(repository, "v1", two);
    assert.equal(await read("v1"), two);
  });

  it("are told apart by case", async () => {
    const { here } = tested();
    await here.tags.write(repository, "Latest", one);
    await here.tags.write(repository, "latest", two);
    assert.equal(await read("Latest"), one);
    assert.equal(await read("latest"), two);
  });

  it("are not written when they name the manifest already, unless renewed", async () => {
    const { here } = tested();
    const saves = (): string[] =>
      here.store.takeRequests().filter((request) => request.startsWith("save"));
    await here.tags.write(repository, "v1", one);
    assert.equal(saves().length, 1);
    await here.tags.write(repository, "v1", one);
    assert.equal(saves().length, 0);
    await here.tags.write(repository, "v1", one, { renew: true });
    assert.equal(saves().length, 1);
  });

  it("belong to the last accepted of two writers", async () => {
    const { here, there } = tested();
    await here.tags.write(repository, "v1", one);
    const slow = here.store.hold("save", key);
    const written = here.tags.write(repository, "v1", two);
    await slow.arrived;
    await there.tags.write(repository, "v1", three);
    await slow.proceed();
    await written;
    assert.equal(await read("v1"), two);
  });

  it("are not taken back by a write that lands after a later one", async () => {
    const { here, there } = tested();
    await here.tags.write(repository, "v1", one);
    const delayed = here.store.hold("save", key);
    const written = here.tags.write(repository, "v1", two);
    const land = await delayed.delay();
    await written;
    await there.tags.write(repository, "v1", three);
    assert.equal(await land(), "refused");
    assert.equal(await read("v1"), three);
  });

  it("are all there when many are written at once", async () => {
    const { here, there } = tested();
    const names = Array.from({ length: 40 }, (_, number) => `v${100 + number}`);
    await Promise.all(
      names.map((tag, number) =>
        (number % 2 === 0 ? here : there).tags.write(repository, tag, one),
      ),
    );
    assert.deepEqual(await pages(here, 1000), names);
  });

  it("are listed in byte order, page by page, also more than are read ahead", async () => {
    const { here, there } = tested();
    const names = Array.from({ length: 150 }, (_, number) => `t${1000 + number * 7}`);
    const odd = ["_x", "A", "a", "a-b", "a.b", "a_b", "1.0", "10", "9"];
    for (const tag of [...names, ...odd]) await here.tags.write(repository, tag, one);
    const sorted = [...names, ...odd].sort();
    for (const limit of [1, 7, 64, 65, 1000]) assert.deepEqual(await pages(there, limit), sorted);
    const behind = await there.tags.list(repository, "nothing is called this", 3);
    assert.deepEqual(behind, { tags: sorted.filter((tag) => tag > "n").slice(0, 3), more: true });
    assert.deepEqual(await there.tags.list(elsewhere, "", 5), { tags: [], more: false });
  });

  it("vanish from the list when they are taken away, and say what is behind them", async () => {
    const { here, there } = tested();
    const names = Array.from({ length: 70 }, (_, number) => `t${100 + number}`);
    for (const tag of names) await here.tags.write(repository, tag, one);
    for (const tag of names.slice(1, 69))
      assert.equal(await there.tags.untag(repository, tag), true);
    assert.deepEqual(await here.tags.list(repository, "", 1), { tags: ["t100"], more: true });
    assert.deepEqual(await here.tags.list(repository, "t100", 1), { tags: ["t169"], more: false });
    assert.equal(await here.tags.untag(repository, "t150"), false);
    await here.tags.write(repository, "t150", two);
    assert.equal(await read("t150"), two);
  });

  it("are taken away once, although the answer is lost", async () => {
    const { here } = tested();
    await here.tags.write(repository, "v1", one);
    const lost = here.store.hold("save", key);
    const untagged = here.tags.untag(repository, "v1");
    await lost.loseAnswer();
    assert.equal(await untagged, true);
    assert.equal(await read("v1"), undefined);
  });

  it("of a deleted manifest read as absent", async () => {
    const { here, there } = tested();
    const image = imageOf(1);
    await pushImage(here, image, ["v1"]);
    await here.manifests.untag(repository, "v1");
    await assert.rejects(there.manifests.find(repository, { tag: "v1" }), ManifestUnknown);
    await assert.rejects(there.manifests.untag(repository, "v1"), ManifestUnknown);
    const { digest } = image.manifest;
    assert.equal((await there.manifests.find(repository, { digest })).digest, digest);
  });

  it("leave no hints behind when they come back", async () => {
    const { here, there, store } = tested();
    for (const instance of [here, there, here]) {
      await instance.tags.write(repository, "v1", one);
      await instance.tags.untag(repository, "v1");
    }
    assert.equal((await allKeys(store, "tag/")).length, 2);
    await there.tags.write(repository, "v1", two);
    assert.equal((await allKeys(store, "tag/")).length, 1);
    assert.deepEqual(await here.tags.list(repository, "", 5), { tags: ["v1"], more: false });
  });

  it("are listed while a delete of them is undecided, or was given up", async () => {
    const { here, there } = tested();
    await here.tags.write(repository, "v1", one);
    const deleting = here.store.hold("save", /^tag\/[^/]+\/v1$/);
    const untagged = here.tags.untag(repository, "v1");
    await deleting.arrived;
    assert.deepEqual((await there.tags.list(repository, "", 5)).tags, ["v1"]);
    here.store.outage(/^(?:load|save) tag/);
    await deleting.drop();
    await assert.rejects(untagged, StoreUnavailable);
    assert.deepEqual((await there.tags.list(repository, "", 5)).tags, ["v1"]);
    assert.equal(await there.tags.untag(repository, "v1"), true);
    assert.deepEqual((await there.tags.list(repository, "", 5)).tags, []);
  });

  it("are not listed when their delete lands after its client has given up", async () => {
    const { here, there } = tested();
    await here.tags.write(repository, "v1", one);
    const deleting = here.store.hold("save", /^tag\/[^/]+\/v1$/);
    const untagged = here.tags.untag(repository, "v1");
    await deleting.arrived;
    here.store.outage(/^(?:load|save) tag/);
    const land = await deleting.delay();
    await assert.rejects(untagged, StoreUnavailable);
    assert.equal(await land(), "done");
    assert.deepEqual((await there.tags.list(repository, "", 5)).tags, []);
  });

  it("are claimed by a package when they are free or name its content", async () => {
    const { here, there } = tested();
    assert.ok(await here.tags.claim(repository, "new", one));
    assert.equal(await there.tags.claim(repository, "new", one), undefined);
    await here.tags.write(repository, "own", one);
    assert.equal(await there.tags.claim(repository, "own", one), undefined);
    await here.tags.write(repository, "freed", two);
    await here.tags.untag(repository, "freed");
    assert.ok(await there.tags.claim(repository, "freed", one));
    for (const tag of ["new", "own", "freed"]) {
      await assert.rejects(here.tags.write(repository, tag, two), PackageContentProtected);
      await here.tags.write(repository, tag, one, { renew: true });
      await assert.rejects(here.tags.untag(repository, tag), PackageContentProtected);
    }
  });

  it("are taken back by the claim that made them, while no other package needs them", async () => {
    const { here, there } = tested();
    const [first, second] = [await here.tags.claim(repository, "a", one), "another claim"];
    assert.ok(first);
    await here.tags.unclaim(repository, "a", second);
    assert.equal(await read("a"), one);
    await here.tags.unclaim(repository, "a", first);
    assert.equal(await read("a"), undefined);
    const again = await here.tags.claim(repository, "a", one);
    await there.tags.claim(repository, "a", one);
    if (again) await here.tags.unclaim(repository, "a", again);
    assert.equal(await read("a"), one);
  });

  it("move only from what their writer expects", async () => {
    const { here, there } = tested();
    await here.tags.write(repository, "v1", one, { expected: undefined });
    const missing = there.tags.write(repository, "v1", two, { expected: undefined });
    await assert.rejects(missing, TagMoved);
    await assert.rejects(there.tags.write(repository, "v1", two, { expected: two }), TagMoved);
    const slow = here.store.hold("save", key);
    const written = here.tags.write(repository, "v1", two, { expected: one });
    await slow.arrived;
    await there.tags.write(repository, "v1", three);
    await slow.proceed();
    await assert.rejects(written, TagMoved);
    assert.equal(await read("v1"), three);
  });

  it("are not claimed when they name something else, nor stolen at that moment", async () => {
    const { here, there } = tested();
    await here.tags.write(repository, "taken", two);
    await assert.rejects(there.tags.claim(repository, "taken", one), TagTaken);
    const claiming = here.store.hold("save", key);
    const claimed = here.tags.claim(repository, "raced", one);
    await claiming.arrived;
    await there.tags.write(repository, "raced", two);
    await claiming.proceed();
    await assert.rejects(claimed, TagTaken);
    assert.equal(await read("raced"), two);
    assert.equal(await there.tags.untag(repository, "raced"), true);
  });
});
