/** Manifests in repositories: accepted whole or not at all, visible when acknowledged, deletable. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { parseManifest } from "../../src/oci/manifest.ts";
import { mediaType } from "../../src/oci/media-type.ts";
import { ManifestInvalid, ManifestUnknown } from "../../src/oci/registry-error.ts";
import { layout } from "../../src/registry/layout.ts";
import {
  ManifestBlobUnknown,
  PackageContentProtected,
} from "../../src/registry/registry-errors.ts";
import { pattern } from "../storage/bytes.ts";
import {
  contentOf,
  descriptorOf,
  elsewhere,
  imageOf,
  indexOf,
  manifestOf,
  pushContent,
  pushImage,
  pushParts,
  repository,
} from "./content.ts";
import { describeRegistry } from "./registry-under-test.ts";

const image = imageOf(1);
const { digest } = image.manifest;

describeRegistry("manifests", (tested) => {
  const refused = async (work: Promise<unknown>, digests: readonly string[]): Promise<void> => {
    await assert.rejects(work, (error: ManifestBlobUnknown) => {
      assert.ok(error instanceof ManifestBlobUnknown);
      assert.deepEqual([...(error.detail["digests"] as string[])].sort(), [...digests].sort());
      return true;
    });
  };
  const nothingVisible = async (): Promise<void> => {
    for (const { manifests, tags, repositories } of [tested().here, tested().there]) {
      await assert.rejects(manifests.find(repository, { digest }), ManifestUnknown);
      await assert.rejects(manifests.find(repository, { tag: "v1" }), ManifestUnknown);
      assert.deepEqual(await tags.list(repository, "", 10), { tags: [], more: false });
      assert.equal(await repositories.has(repository), false);
    }
  };

  it("gives back a manifest by digest and by tag, with the bytes it came in", async () => {
    const { here, there } = tested();
    await pushImage(here, image, ["v1", "latest"]);
    for (const reference of [{ digest }, { tag: "v1" }, { tag: "latest" }]) {
      const found = await there.manifests.find(repository, reference);
      assert.equal(found.digest, digest);
      assert.equal(found.link.mediaType, mediaType.ociManifest);
      assert.ok((await there.manifests.bytes(found.digest)).equals(image.manifest.bytes));
    }
    assert.deepEqual((await there.tags.list(repository, "", 10)).tags, ["latest", "v1"]);
    assert.deepEqual((await there.repositories.list("", 10)).names, [repository]);
  });

  it("refuses a manifest whose config or layers are not here, and shows nothing", async () => {
    const { here } = tested();
    const [first, second] = image.layers;
    const all = [image.config, ...image.layers].map((part) => part.digest);
    await refused(here.manifests.put(repository, image.manifest, ["v1"]), all);
    if (first) await pushContent(here, first);
    await pushContent(here, image.config);
    await refused(here.manifests.put(repository, image.manifest, ["v1"]), [second?.digest ?? ""]);
    await nothingVisible();
    if (second) await pushContent(here, second);
    await here.manifests.put(repository, image.manifest, ["v1"]);
    assert.equal((await here.manifests.find(repository, { tag: "v1" })).digest, digest);
  });

  it("changes nothing when the same manifest comes again", async () => {
    const { here, there } = tested();
    await pushImage(here, image, ["v1"]);
    const before = await here.documents.read(layout.link(repository, digest));
    await pushImage(there, image, ["v1"]);
    assert.deepEqual(await here.documents.read(layout.link(repository, digest)), before);
  });

  it("is visible only in repositories that it was put into", async () => {
    const { here } = tested();
    await pushImage(here, image, ["v1"]);
    await assert.rejects(here.manifests.find(elsewhere, { digest }), ManifestUnknown);
    await here.manifests.put(elsewhere, image.manifest, ["other"]);
    assert.equal((await here.manifests.find(elsewhere, { tag: "other" })).digest, digest);
    await assert.rejects(here.manifests.find(elsewhere, { tag: "v1" }), ManifestUnknown);
  });

  it("shows no pending manifest: not by digest, by tag, in a list or as referrer", async () => {
    const { here, there } = tested();
    const subject = imageOf(2).manifest;
    const signature = imageOf(3, { subject });
    await pushParts(here, signature);
    const committing = here.store.hold("save", /^link\//);
    const second = here.store.hold("save", /^link\//);
    const put = here.manifests.put(repository, signature.manifest, ["v1"]);
    await committing.proceed();
    await second.arrived;
    const name = { digest: signature.manifest.digest };
    await assert.rejects(there.manifests.find(repository, name), ManifestUnknown);
    await assert.rejects(there.manifests.find(repository, { tag: "v1" }), ManifestUnknown);
    const referrers = await there.referrers.list(repository, subject.digest, undefined, 10);
    assert.deepEqual(referrers.descriptors, []);
    await second.proceed();
    await put;
    assert.equal((await there.manifests.find(repository, name)).digest, name.digest);
  });

  it("checks its content after it has announced what it needs, not before", async () => {
    const { here } = tested();
    await pushParts(here, image);
    here.store.takeRequests();
    await here.manifests.link(repository, image.manifest);
    const requests = here.store.takeRequests();
    const link = `save ${layout.link(repository, digest)}`;
    const [pending, committed] = [requests.indexOf(link), requests.lastIndexOf(link)];
    assert.ok(pending >= 0 && pending < committed);
    for (const part of [image.config, ...image.layers]) {
      const check = requests.indexOf(`load ${layout.record(part.digest)}`, pending);
      assert.ok(check > pending && check < committed, part.digest);
    }
  });

  it("takes an index with all, some or none of its children", async () => {
    const { here, there } = tested();
    const children = [imageOf(10), imageOf(11)];
    const index = indexOf(children.map(({ manifest }) => manifest));
    await here.manifests.put(repository, index, ["sparse"]);
    assert.equal((await there.manifests.find(repository, { tag: "sparse" })).digest, index.digest);
    for (const child of children) await pushImage(here, child);
    const whole = indexOf([...children.map(({ manifest }) => manifest), imageOf(12).manifest]);
    await there.manifests.put(repository, whole, ["whole"]);
    const { link } = await here.manifests.find(repository, { tag: "whole" });
    for (const { config, layers, manifest } of children) {
      for (const part of [config, ...layers, manifest]) {
        assert.ok(link.closure.includes(part.digest));
      }
    }
  });

  it("refuses an index when content below a child that is here is missing", async () => {
    const { here } = tested();
    await here.blobs.pushBytes(digest, image.manifest.bytes);
    const outer = indexOf([descriptorOf(indexOf([image.manifest]))]);
    await here.blobs.pushBytes(indexOf([image.manifest]).digest, indexOf([image.manifest]).bytes);
    const missing = [image.config, ...image.layers].map((part) => part.digest);
    await refused(here.manifests.put(repository, outer, ["v1"]), missing);
    await pushParts(here, image);
    await here.manifests.put(repository, outer, ["v1"]);
  });

  it("asks for the content of a child that is also named as a layer elsewhere", async () => {
    const { here } = tested();
    const wrapping = manifestOf(mediaType.ociManifest, {
      config: descriptorOf(image.manifest),
      layers: [],
    });
    await here.blobs.pushBytes(digest, image.manifest.bytes);
    await here.blobs.pushBytes(wrapping.digest, wrapping.bytes);
    const missing = [image.config, ...image.layers].map((part) => part.digest);
    const nested = indexOf([descriptorOf(indexOf([image.manifest]))]);
    await here.blobs.pushBytes(indexOf([image.manifest]).digest, indexOf([image.manifest]).bytes);
    for (const children of [
      [wrapping, image.manifest],
      [image.manifest, wrapping],
      [wrapping, nested],
    ]) {
      const index = indexOf(children);
      if (children.includes(nested)) await here.blobs.pushBytes(nested.digest, nested.bytes);
      await refused(here.manifests.put(repository, index), missing);
    }
  });

  it("takes a manifest without its non-distributable layers", async () => {
    const { here } = tested();
    const absent = contentOf("nobody may distribute this");
    const foreign = {
      ...descriptorOf(image.manifest),
      mediaType: mediaType.dockerForeignLayer,
      digest: absent.digest,
    };
    await pushContent(here, image.config);
    const manifest = manifestOf(mediaType.dockerManifest, {
      config: { mediaType: mediaType.dockerConfig, digest: image.config.digest, size: 1 },
      layers: [foreign],
    });
    await here.manifests.put(repository, manifest, ["windows"]);
    const { link } = await here.manifests.find(repository, { tag: "windows" });
    assert.ok(link.closure.includes(absent.digest), "kept as soon as it is here");
  });

  it("does not ask for the subject of a manifest", async () => {
    const { here, there } = tested();
    const subject = imageOf(20).manifest;
    const signature = imageOf(21, { subject, annotations: { by: "me" } });
    await pushImage(here, signature);
    const page = await there.referrers.list(repository, subject.digest, undefined, 10);
    assert.deepEqual(page.descriptors, [
      {
        mediaType: mediaType.ociManifest,
        digest: signature.manifest.digest,
        size: signature.manifest.bytes.byteLength,
        artifactType: mediaType.ociConfig,
        annotations: { by: "me" },
      },
    ]);
  });

  it("refuses an index whose child is no manifest, or a huge one", async () => {
    const { here } = tested();
    const text = contentOf("no manifest at all");
    const huge = contentOf(pattern(100_000));
    for (const content of [text, huge]) {
      await pushContent(here, content);
      const child = { ...descriptorOf(image.manifest), digest: content.digest };
      await assert.rejects(here.manifests.put(repository, indexOf([child])), ManifestInvalid);
    }
    await nothingVisible();
  });

  it("deletes a manifest with its tags, and those only", async () => {
    const { here, there } = tested();
    const other = imageOf(5);
    await pushImage(here, image, ["v1", "v2", "latest"]);
    await pushImage(here, other, ["v3"]);
    await here.tags.write(repository, "latest", other.manifest.digest);
    await there.manifests.delete(repository, digest);
    await assert.rejects(here.manifests.find(repository, { digest }), ManifestUnknown);
    await assert.rejects(here.manifests.find(repository, { tag: "v1" }), ManifestUnknown);
    assert.deepEqual((await here.tags.list(repository, "", 10)).tags, ["latest", "v3"]);
    assert.equal(
      (await here.manifests.find(repository, { tag: "latest" })).digest,
      other.manifest.digest,
    );
    await assert.rejects(here.manifests.delete(repository, digest), ManifestUnknown);
  });

  it("takes a deleted manifest again", async () => {
    const { here, there } = tested();
    await pushImage(here, image, ["v1"]);
    await here.manifests.delete(repository, digest);
    await pushImage(there, image, ["v1"]);
    assert.equal((await here.manifests.find(repository, { tag: "v1" })).digest, digest);
  });

  it("hides a referrer that was deleted, and shows it again", async () => {
    const { here } = tested();
    const subject = imageOf(30).manifest;
    const signatures = [imageOf(31, { subject }), imageOf(32, { subject })];
    for (const signature of signatures) await pushImage(here, signature);
    const listed = async (): Promise<string[]> =>
      (await here.referrers.list(repository, subject.digest, undefined, 10)).descriptors.map(
        (descriptor) => descriptor.digest,
      );
    const both = signatures.map(({ manifest }) => manifest.digest).sort();
    assert.deepEqual(await listed(), both);
    await here.manifests.delete(repository, both[0] as never);
    assert.deepEqual(await listed(), [both[1]]);
    for (const { manifest } of signatures) await here.manifests.put(repository, manifest);
    assert.deepEqual(await listed(), both);
    const elsewhereToo = await here.referrers.list(elsewhere, subject.digest, undefined, 10);
    assert.deepEqual(elsewhereToo, { descriptors: [], more: false });
  });

  it("pages referrers, over hidden ones too", async () => {
    const { here } = tested();
    const subject = imageOf(40).manifest;
    const signatures = Array.from({ length: 7 }, (_, number) => imageOf(41 + number, { subject }));
    for (const signature of signatures) await pushImage(here, signature);
    const digests = signatures.map(({ manifest }) => manifest.digest).sort();
    await here.manifests.delete(repository, digests[2] as never);
    const found: string[] = [];
    let last: (typeof digests)[number] | undefined;
    for (let more = true; more; ) {
      const page = await here.referrers.list(repository, subject.digest, last, 3);
      found.push(...page.descriptors.map((descriptor) => descriptor.digest));
      ({ more } = page);
      last = page.last;
    }
    assert.deepEqual(found, digests.toSpliced(2, 1));
  });

  it("reveals blobs that were hidden in a repository when a manifest names them again", async () => {
    const { here, there } = tested();
    await pushImage(here, image);
    await here.hidden.hide(repository, image.config.digest);
    await here.hidden.hide(repository, contentOf("other").digest);
    assert.equal(await there.hidden.has(repository, image.config.digest), true);
    assert.equal(await there.hidden.has(elsewhere, image.config.digest), false);
    await there.manifests.put(elsewhere, image.manifest);
    assert.equal(await here.hidden.has(repository, image.config.digest), true);
    await there.manifests.put(repository, image.manifest);
    assert.equal(await here.hidden.has(repository, image.config.digest), false);
    assert.equal(await here.hidden.has(repository, contentOf("other").digest), true);
  });

  it("stores a manifest under its sha512 digest", async () => {
    const { here, there } = tested();
    await pushParts(here, image);
    const { bytes } = image.manifest;
    const manifest = parseManifest(bytes, mediaType.ociManifest, "sha512");
    await here.manifests.put(repository, manifest, ["v1"]);
    const found = await there.manifests.find(repository, { tag: "v1" });
    assert.ok(found.digest.startsWith("sha512:"));
    assert.ok((await there.manifests.bytes(found.digest)).equals(bytes));
  });
});

describeRegistry("manifests of a package", (tested) => {
  it("are deleted and retagged by nobody else", async () => {
    const { here, there } = tested();
    await pushParts(here, image);
    await here.manifests.link(repository, image.manifest, { ofPackage: true });
    await here.tags.claim(repository, "v1", digest);
    const other = imageOf(7);
    await pushParts(here, other);
    for (const { manifests } of [here, there]) {
      await assert.rejects(manifests.delete(repository, digest), PackageContentProtected);
      await assert.rejects(manifests.untag(repository, "v1"), PackageContentProtected);
      await assert.rejects(
        manifests.put(repository, other.manifest, ["v1"]),
        PackageContentProtected,
      );
    }
    assert.equal((await there.manifests.find(repository, { tag: "v1" })).digest, digest);
    const name = { digest: other.manifest.digest };
    await assert.rejects(there.manifests.find(repository, name), ManifestUnknown);
  });

  it("may be pushed again, and may get further tags", async () => {
    const { here } = tested();
    await pushParts(here, image);
    await here.manifests.link(repository, image.manifest, { ofPackage: true });
    await here.tags.claim(repository, "v1", digest);
    await here.manifests.put(repository, image.manifest, ["v1", "mine"]);
    await assert.rejects(here.manifests.delete(repository, digest), PackageContentProtected);
    await here.manifests.untag(repository, "mine");
    assert.deepEqual((await here.tags.list(repository, "", 10)).tags, ["v1"]);
  });

  it("are not listed before they are published", async () => {
    const { here } = tested();
    await pushParts(here, image);
    await here.manifests.link(repository, image.manifest, { ofPackage: true });
    assert.deepEqual((await here.repositories.list("", 10)).names, []);
    assert.equal((await here.manifests.find(repository, { digest })).digest, digest);
  });

  it("take over what was pushed before", async () => {
    const { here } = tested();
    await pushImage(here, image, ["v1"]);
    await here.manifests.link(repository, image.manifest, { ofPackage: true });
    assert.equal(await here.tags.claim(repository, "v1", digest), undefined);
    await assert.rejects(here.manifests.delete(repository, digest), PackageContentProtected);
    await assert.rejects(here.manifests.untag(repository, "v1"), PackageContentProtected);
  });
});
