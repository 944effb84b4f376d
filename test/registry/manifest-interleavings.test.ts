/** Putting and deleting one manifest at the same time, with answers lost and requests late. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { ManifestUnknown } from "../../src/oci/registry-error.ts";
import { layout } from "../../src/registry/layout.ts";
import type { ManifestLink } from "../../src/registry/manifest-link.ts";
import {
  ManifestBlobUnknown,
  PackageContentProtected,
} from "../../src/registry/registry-errors.ts";
import { CollectorByHand } from "./collector-by-hand.ts";
import { imageOf, indexOf, pushContent, pushImage, pushParts, repository } from "./content.ts";
import { describeRegistry } from "./registry-under-test.ts";

// Schema 2 has no twin, so one put is one link.
const image = imageOf(1, { format: "docker" });
const { digest } = image.manifest;
const link = /^link\//;

describeRegistry("one manifest, many writers", (tested) => {
  const state = async (): Promise<string | undefined> =>
    (await tested().there.documents.read<ManifestLink>(layout.link(repository, digest)))?.value
      .state;
  const visible = async (): Promise<void> => {
    for (const { manifests } of [tested().here, tested().there]) {
      assert.equal((await manifests.find(repository, { digest })).digest, digest);
    }
  };
  const invisible = async (): Promise<void> => {
    for (const { manifests } of [tested().here, tested().there]) {
      await assert.rejects(manifests.find(repository, { digest }), ManifestUnknown);
    }
  };

  it("stays when a put that missed content takes its own attempt back", async () => {
    const { here, there } = tested();
    const [layer] = image.layers;
    await pushContent(here, image.config);
    for (const part of image.layers.slice(1)) await pushContent(here, part);
    const pending = here.store.hold("save", link);
    const takingBack = here.store.hold("save", link);
    const first = assert.rejects(
      here.manifests.put(repository, image.manifest),
      ManifestBlobUnknown,
    );
    await pending.proceed();
    await takingBack.arrived;
    if (layer) await pushContent(there, layer);
    await there.manifests.put(repository, image.manifest);
    await takingBack.proceed();
    await first;
    await visible();
  });

  it("stays when a delete that was repeated long ago lands after it was put again", async () => {
    const { here, there } = tested();
    await pushImage(here, image);
    const delayed = here.store.hold("save", link);
    const deleted = here.manifests.delete(repository, digest);
    const land = await delayed.delay();
    await deleted;
    await invisible();
    await there.manifests.put(repository, image.manifest);
    assert.equal(await land(), "refused");
    await visible();
  });

  it("stays gone when a put lands that was refused long ago", async () => {
    const { here } = tested();
    await pushParts(here, image);
    const pending = here.store.hold("save", link);
    const delayed = here.store.hold("save", link);
    const put = here.manifests.put(repository, image.manifest);
    await pending.proceed();
    const land = await delayed.delay();
    await put;
    await here.manifests.delete(repository, digest);
    assert.equal(await land(), "refused");
    await invisible();
  });

  it("is announced again when others have put and deleted it before the answer came", async () => {
    const { here, there } = tested();
    await pushParts(here, image);
    const pending = here.store.hold("save", link);
    const put = here.manifests.put(repository, image.manifest);
    await pending.arrived;
    const looking = here.store.hold("load", link);
    await pending.loseAnswer();
    await looking.arrived;
    await there.manifests.put(repository, image.manifest);
    await there.manifests.delete(repository, digest);
    const saves = [1, 2, 3].map(() => here.store.hold("save", link));
    await looking.proceed();
    const states: (string | undefined)[] = [];
    for (const save of saves) {
      await save.proceed();
      states.push(await state());
    }
    await put;
    assert.deepEqual(states, ["deleted", "pending", "committed"]);
    await visible();
  });

  it("is put once by two who start at the same time", async () => {
    const { here, there } = tested();
    await pushParts(here, image);
    const pending = here.store.hold("save", link);
    const first = here.manifests.put(repository, image.manifest, ["v1"]);
    await pending.arrived;
    await there.manifests.put(repository, image.manifest, ["v2"]);
    await pending.proceed();
    await first;
    await visible();
    assert.deepEqual((await here.tags.list(repository, "", 5)).tags, ["v1", "v2"]);
  });

  it("is committed by one who adopts what another announced and left", async () => {
    const { here, there } = tested();
    await pushParts(here, image);
    const pending = here.store.hold("save", link);
    const committing = here.store.hold("save", link);
    const left = here.manifests.put(repository, image.manifest);
    await pending.proceed();
    await committing.arrived;
    there.store.takeRequests();
    await there.manifests.put(repository, image.manifest);
    const saves = there.store.takeRequests().filter((request) => request.startsWith("save link"));
    assert.equal(saves.length, 1);
    await committing.proceed();
    await left;
    await visible();
  });

  it("is checked again when it was deleted between announcing and committing it", async () => {
    const { here, there } = tested();
    await pushParts(here, image);
    const pending = here.store.hold("save", link);
    const committing = here.store.hold("save", link);
    const put = here.manifests.put(repository, image.manifest);
    await pending.proceed();
    await committing.arrived;
    await there.manifests.put(repository, image.manifest);
    await there.manifests.delete(repository, digest);
    here.store.takeRequests();
    await committing.proceed();
    await put;
    const requests = here.store.takeRequests();
    for (const part of [image.config, ...image.layers]) {
      assert.ok(requests.includes(`load ${layout.record(part.digest)}`));
    }
    await visible();
  });

  it("survives the loss of every answer on its way", async () => {
    const { here } = tested();
    await pushParts(here, image);
    const losses = [link, /^rec\//, link, /^repo\//, /^tag\//].map((key) =>
      here.store.hold("save", key),
    );
    const put = here.manifests.put(repository, image.manifest, ["v1"]);
    for (const lost of losses) await lost.loseAnswer();
    await put;
    await visible();
    assert.equal((await tested().there.manifests.find(repository, { tag: "v1" })).digest, digest);
  });

  it("rescues everything below it that the collector has condemned", async () => {
    const { here, there } = tested();
    const collector = new CollectorByHand(tested().store);
    const index = indexOf([image.manifest], "docker");
    await pushImage(here, image);
    const parts = [image.config.digest, ...image.layers.map((layer) => layer.digest), digest];
    for (const part of parts) await collector.condemn(part);
    await there.manifests.put(repository, index);
    for (const part of parts) assert.equal((await collector.record(part))?.state, "live");
  });

  it("is refused when the collector takes a part of it after it was announced", async () => {
    const { here } = tested();
    const collector = new CollectorByHand(tested().store);
    const [layer] = image.layers;
    await pushParts(here, image);
    const pending = here.store.hold("save", link);
    const put = assert.rejects(here.manifests.put(repository, image.manifest), ManifestBlobUnknown);
    await pending.arrived;
    if (layer) {
      await collector.condemn(layer.digest);
      await collector.collect(layer.digest);
    }
    await pending.proceed();
    await put;
    await invisible();
    assert.equal(await state(), "deleted");
  });

  it("is not deleted when a package takes it over at that moment", async () => {
    const { here, there } = tested();
    await pushImage(here, image);
    const deleting = here.store.hold("save", link);
    const deleted = here.manifests.delete(repository, digest);
    await deleting.arrived;
    await there.manifests.link(repository, image.manifest, { ofPackage: true });
    await deleting.proceed();
    await assert.rejects(deleted, PackageContentProtected);
    await visible();
  });

  it("keeps a tag that a package claims while it is taken away", async () => {
    const { here, there } = tested();
    await pushImage(here, image, ["v1"]);
    const untagging = here.store.hold("save", /^tag\//);
    const untagged = here.manifests.untag(repository, "v1");
    await untagging.arrived;
    await there.tags.claim(repository, "v1", digest);
    await untagging.proceed();
    await assert.rejects(untagged, PackageContentProtected);
    assert.equal(await there.tags.read(repository, "v1"), digest);
  });

  it("loses no tag of a package that is published while it is deleted", async () => {
    const { here, there } = tested();
    await pushImage(here, image, ["v1", "v2"]);
    const untagging = here.store.hold("save", /^tag\//);
    const deleted = here.manifests.delete(repository, digest);
    await untagging.arrived;
    await there.manifests.link(repository, image.manifest, { ofPackage: true });
    await there.tags.claim(repository, "v1", digest);
    await untagging.proceed();
    await deleted;
    assert.equal((await there.manifests.find(repository, { tag: "v1" })).digest, digest);
  });

  it("keeps the tag of a put that comes while an older delete still takes tags away", async () => {
    const { here, there } = tested();
    for (const method of ["load", "save"] as const) {
      await pushImage(here, image, ["v1"]);
      // Either just before it looks whether the manifest is still deleted, or just behind that.
      const deleting = here.store.hold("save", link);
      const deleted = here.manifests.delete(repository, digest);
      await deleting.arrived;
      const taking = here.store.hold(method, method === "load" ? link : /^tag\//);
      await deleting.proceed();
      await taking.arrived;
      await there.manifests.put(repository, image.manifest, ["v1"]);
      await taking.proceed();
      await deleted;
      assert.equal((await there.manifests.find(repository, { tag: "v1" })).digest, digest);
    }
  });

  it("keeps the twin of a put that comes while an older delete still takes it away", async () => {
    const { here, there } = tested();
    const oci = imageOf(2);
    const name = { digest: oci.manifest.digest };
    await pushImage(here, oci);
    const { twin } = (await here.manifests.find(repository, name)).link;
    assert.ok(twin);
    const deleting = here.store.hold("save", link);
    const taking = here.store.hold("save", link);
    const deleted = here.manifests.delete(repository, oci.manifest.digest);
    await deleting.proceed();
    await taking.arrived;
    await there.manifests.put(repository, oci.manifest);
    await taking.proceed();
    await deleted;
    assert.equal((await there.manifests.find(repository, name)).link.twin, twin);
    assert.equal((await there.manifests.find(repository, { digest: twin })).digest, twin);
  });
});
