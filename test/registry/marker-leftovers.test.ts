/** Entries of referrers and markers of hidden blobs go when they mean nothing, and only then. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { type Hidden, mostHidden } from "../../src/registry/hidden-blobs.ts";
import { layout } from "../../src/registry/layout.ts";
import { CollectorUnderTest } from "./collector-under-test.ts";
import {
  contentOf,
  elsewhere,
  imageOf,
  large,
  pushContent,
  pushImage,
  repository,
} from "./content.ts";
import { describeRegistry } from "./registry-under-test.ts";

const blob = large(1);
const hidden = /^hidden\//;

describeRegistry("markers of hidden blobs beside the collector", (tested) => {
  const collector = () => new CollectorUnderTest(tested().store);
  const marked = async () =>
    (await tested().there.documents.read<Hidden>(layout.hidden(repository)))?.value.digests;
  const push = () => pushContent(tested().there, blob);
  const hide = () => tested().there.hidden.hide(repository, blob.digest);

  it("go when nothing is left of the blob, and stay while it is here", async () => {
    const kept = contentOf("kept");
    const image = imageOf(1, { format: "docker" });
    await pushImage(tested().here, image);
    await push();
    await hide();
    await tested().here.hidden.hide(repository, image.config.digest);
    const gc = collector();
    await gc.cycle();
    assert.deepEqual(await marked(), [blob.digest, image.config.digest]);
    await gc.cycles();
    assert.deepEqual(await marked(), [image.config.digest]);
    await pushContent(tested().here, kept);
    assert.equal(await tested().there.hidden.has(repository, image.config.digest), true);
  });

  it("stay when the blob comes back and is deleted again while they go", async () => {
    await push();
    await hide();
    const gc = collector();
    const clearing = gc.store.hold("save", hidden);
    const cycles = gc.cycles();
    await clearing.arrived;
    await push(); // through another repository
    await hide();
    await clearing.proceed();
    await cycles;
    assert.equal(await tested().here.hidden.has(repository, blob.digest), true);
  });

  it("stay also when it is a client who needs their room", async () => {
    const { here, there } = tested();
    const others = Array.from({ length: mostHidden - 1 }, (_, at) => digestOf(`collected ${at}`));
    const digests = [blob.digest, ...others];
    await there.documents.create(layout.hidden(repository), { value: { digests } });
    const clearing = here.store.hold("save", hidden);
    const more = here.hidden.hide(repository, digestOf("one more"));
    await clearing.arrived;
    await push();
    await hide();
    await clearing.proceed();
    await more;
    assert.equal(await here.hidden.has(repository, blob.digest), true);
  });

  it("are lost when their document is damaged, and can be set again", async () => {
    await push();
    await hide();
    const key = layout.hidden(repository);
    const { bytes, revision } = (await tested().store.load(key)) ?? assert.fail();
    await tested().store.save(key, bytes.subarray(1), { revision });
    const report = await collector().cycle();
    assert.equal(report.failures, 1, "told, and in nobody's way");
    await hide();
    assert.equal(await tested().here.hidden.has(repository, blob.digest), true);
  });
});

describeRegistry("entries of referrers beside the collector", (tested) => {
  const subject = imageOf(1, { format: "docker" });
  const note = "x".repeat(5_000);
  const image = imageOf(2, { subject: subject.manifest, annotations: { note } });
  const { digest } = image.manifest;
  const key = layout.referrer(repository, subject.manifest.digest, digest);
  const put = () => pushImage(tested().there, image);
  const remove = () => tested().here.manifests.delete(repository, digest);
  const collector = () => new CollectorUnderTest(tested().store);
  const listed = async () =>
    (
      await tested().here.referrers.list(repository, subject.manifest.digest, undefined, 10)
    ).descriptors.map((one) => one.annotations?.["note"]);

  it("shrink to tombstones, and are whole again with their manifest", async () => {
    await put();
    await tested().here.manifests.put(elsewhere, image.manifest);
    await collector().cycles();
    assert.deepEqual(await listed(), [note]);
    await remove();
    await collector().cycles();
    assert.ok(((await tested().store.stat(key)) ?? 0) < 500);
    assert.deepEqual(await listed(), []);
    await put();
    assert.deepEqual(await listed(), [note]);
  });

  it("stay when the manifest is put again behind the scan of links", async () => {
    await put();
    await remove();
    const gc = collector();
    const scanned = gc.store.hold("list", /^referrer\//);
    const cycle = gc.cycle();
    await scanned.arrived;
    await put();
    await scanned.proceed();
    await cycle;
    assert.deepEqual(await listed(), [note]);
  });

  for (const held of ["load", "save"] as const) {
    it(`stay when the manifest is put again while they go, at their ${held}`, async () => {
      await put();
      await remove();
      const gc = collector();
      const request = held === "load" ? layout.link(repository, digest) : key;
      const scanned = gc.store.hold("list", /^referrer\//);
      const cycle = gc.cycle();
      await scanned.arrived;
      const clearing = gc.store.hold(held, new RegExp(`^${request}$`));
      await scanned.proceed();
      await clearing.arrived;
      await put();
      await clearing.proceed();
      await cycle;
      assert.deepEqual(await listed(), [note]);
    });
  }
});
