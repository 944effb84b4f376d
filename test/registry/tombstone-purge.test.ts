/** Old tombstones go where nobody writes, everything else stays, and what was deleted can come back. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { layout } from "../../src/registry/layout.ts";
import { openRegistry, type Registry } from "../../src/registry/registry.ts";
import { purgedAfterMs, purgeTombstones } from "../../src/registry/tombstone-purge.ts";
import { FilesystemStore } from "../../src/storage/filesystem-store.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { allKeys } from "../storage/bytes.ts";
import { CollectorUnderTest } from "./collector-under-test.ts";
import { imageOf, pushImage, repository } from "./content.ts";

const { signal } = new AbortController();
const kept = imageOf(1, { format: "docker" });
const image = imageOf(2, { subject: kept.manifest });
const minuteMs = 60_000;

describe("purging tombstones", () => {
  let scratch: string;
  let store: FilesystemStore;
  let registry: Registry;

  beforeEach(async () => {
    scratch = await makeScratch("purge");
    store = await FilesystemStore.open(scratch);
    registry = openRegistry(store, { manifestLimit: 64 * 1024, uploadLifeMs: minuteMs });
    await pushImage(registry, kept, ["kept"]);
    await pushImage(registry, image, ["v1", "v2"]);
    await registry.manifests.delete(repository, image.manifest.digest);
    await new CollectorUnderTest(store).cycles();
  });
  afterEach(() => removeScratch(scratch));

  const later = (ms: number, dryRun = false) =>
    purgeTombstones(store, { now: Date.now() + ms, signal, dryRun });
  const listed = async () => (await registry.tags.list(repository, "", 10)).tags;

  it("leaves nothing of what was deleted long ago, and all else", async () => {
    const before = await allKeys(store, "");
    const dry = await later(purgedAfterMs + minuteMs, true);
    assert.deepEqual(await allKeys(store, ""), before);
    const report = await later(purgedAfterMs + minuteMs);
    assert.deepEqual(report, dry);
    // Manifest and twin with their links, config and two layers, two tags, the referrer's entry.
    assert.deepEqual([report.purged, report.kept, report.damaged], [10, 0, 0]);
    const left = await allKeys(store, "");
    assert.equal(before.length - left.length, report.purged + 2, "each tag had a hint");
    assert.deepEqual(await listed(), ["kept"]);
    await registry.manifests.find(repository, { tag: "kept" });
    await new CollectorUnderTest(store).cycles();
    assert.deepEqual(await allKeys(store, ""), left);
    await pushImage(registry, image, ["v1"]);
    assert.deepEqual(await listed(), ["kept", "v1"]);
  });

  it("keeps the younger ones", async () => {
    const { purged, kept: young } = await later(purgedAfterMs - minuteMs);
    assert.deepEqual([purged, young], [0, 10]);
  });

  it("keeps what says that content was damaged, what is unfinished, and what it cannot read", async () => {
    const { documents } = registry;
    const [damaged, , twin] = image.layers.concat(image.config);
    assert.ok(damaged && twin);
    const value = { state: "gone", last: [], damaged: true } as const;
    await documents.update(layout.record(damaged.digest), () => value);
    const link = layout.link(repository, image.manifest.digest);
    const linkOfTwin = layout.link(repository, twin.digest);
    const { digest } = image.manifest;
    await documents.update(link, () => ({ state: "deleted", twin: twin.digest }));
    await documents.update(linkOfTwin, () => ({
      state: "committed",
      closure: [twin.digest],
      twinOf: [digest],
    }));
    const key = layout.tag(repository, "v1");
    const { bytes, revision } = (await store.load(key)) ?? assert.fail();
    await store.save(key, bytes.subarray(1), { revision });
    const report = await later(purgedAfterMs + minuteMs);
    assert.deepEqual([report.purged, report.damaged], [7, 1]);
    for (const left of [layout.record(damaged.digest), link, key]) {
      assert.notEqual(await store.stat(left), undefined, left);
    }
  });

  it("leaves no tag behind that comes back when it breaks off, and the collector ends it", async () => {
    const remove = store.delete.bind(store);
    let deleted = 0;
    store.delete = async (key) => {
      if (key.startsWith("tag/")) deleted += 1;
      if (deleted > 1) throw new Error("killed");
      await remove(key);
    };
    await assert.rejects(later(purgedAfterMs + minuteMs), /killed/);
    store.delete = remove;
    assert.deepEqual(await listed(), ["kept"]);
    await new CollectorUnderTest(store).cycles();
    await later(purgedAfterMs + minuteMs);
    const left = (await allKeys(store, "tag/")).filter((key) => /!.{18}$/.test(key));
    assert.deepEqual(left, []);
  });
});
