/** The Docker schema 2 equivalent of an OCI image, and its life beside the image and its like. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeBytes } from "../../src/oci/descriptor.ts";
import type { Manifest } from "../../src/oci/manifest.ts";
import { mediaType } from "../../src/oci/media-type.ts";
import { ManifestUnknown } from "../../src/oci/registry-error.ts";
import { PackageContentProtected } from "../../src/registry/registry-errors.ts";
import { schema2Twin } from "../../src/registry/schema2-twin.ts";
import { StoreUnavailable } from "../../src/storage/store-error.ts";
import { imageOf, indexOf, manifestOf, pushImage, pushParts, repository } from "./content.ts";
import { describeRegistry } from "./registry-under-test.ts";

const image = imageOf(1);
const config = describeBytes(mediaType.ociConfig, image.config.bytes);
const layer = (type: string) => describeBytes(type, image.layers[0]?.bytes ?? Buffer.alloc(0));

function twinOf(manifest: Manifest): Manifest {
  const twin = schema2Twin(manifest);
  assert.ok(twin);
  return twin;
}

describe("schema 2 twin", () => {
  it("names the same config and layers in Docker's types, in order", () => {
    const types = [mediaType.ociLayer, mediaType.ociLayerGzip, mediaType.dockerLayerGzip];
    const manifest = manifestOf(mediaType.ociManifest, { config, layers: types.map(layer) });
    const twin = JSON.parse(twinOf(manifest).bytes.toString());
    assert.deepEqual(twin, {
      schemaVersion: 2,
      mediaType: mediaType.dockerManifest,
      config: { ...config, mediaType: mediaType.dockerConfig },
      layers: [
        layer(mediaType.dockerLayer),
        layer(mediaType.dockerLayerGzip),
        layer(mediaType.dockerLayerGzip),
      ],
    });
  });

  it("has the same bytes each time, whatever the image is annotated with", () => {
    const one = twinOf(image.manifest);
    const other = twinOf(imageOf(1, { annotations: { a: "b" } }).manifest);
    assert.ok(one.bytes.equals(other.bytes));
    assert.equal(one.digest, other.digest);
    assert.notEqual(one.digest, image.manifest.digest);
  });

  const without: Readonly<Record<string, Manifest>> = {
    "a schema 2 manifest": imageOf(1, { format: "docker" }).manifest,
    "an index": indexOf([image.manifest]),
    "zstd layers": manifestOf(mediaType.ociManifest, {
      config,
      layers: [layer(mediaType.ociLayerGzip), layer(mediaType.ociLayerZstd)],
    }),
    "another config": manifestOf(mediaType.ociManifest, {
      config: { ...config, mediaType: "application/vnd.cncf.helm.config.v1+json" },
      layers: [layer(mediaType.ociLayerGzip)],
    }),
    "no layers": manifestOf(mediaType.ociManifest, { config, layers: [] }),
  };
  for (const [what, manifest] of Object.entries(without)) {
    it(`does not exist for ${what}`, () => assert.equal(schema2Twin(manifest), undefined));
  }
});

describeRegistry("schema 2 twins", (tested) => {
  const twin = twinOf(image.manifest);
  const alike = imageOf(1, { annotations: { other: "annotations" } });
  const find = (manifest: Manifest) =>
    tested().there.manifests.find(repository, { digest: manifest.digest });

  it("come with the image and are read by their own digest", async () => {
    await pushImage(tested().here, image, ["v1"]);
    const { link } = await find(image.manifest);
    assert.equal(link.twin, twin.digest);
    assert.equal((await find(twin)).link.mediaType, mediaType.dockerManifest);
    assert.ok((await tested().there.manifests.bytes(twin.digest)).equals(twin.bytes));
  });

  it("go with the image", async () => {
    await pushImage(tested().here, image);
    await tested().here.manifests.delete(repository, image.manifest.digest);
    await assert.rejects(find(twin), ManifestUnknown);
  });

  it("go with the image at the second attempt when the first was interrupted", async () => {
    const { here, there } = tested();
    await pushImage(here, image, ["v1"]);
    const [deleting, releasing] = [1, 2].map(() => here.store.hold("save", /^link\//));
    const deleted = here.manifests.delete(repository, image.manifest.digest);
    await deleting?.proceed();
    await releasing?.arrived;
    here.store.outage(/./);
    await releasing?.drop();
    await assert.rejects(deleted, StoreUnavailable);
    assert.equal((await find(twin)).digest, twin.digest);
    const again = there.manifests.delete(repository, image.manifest.digest);
    await assert.rejects(again, ManifestUnknown);
    await assert.rejects(find(twin), ManifestUnknown);
    assert.deepEqual((await there.tags.list(repository, "", 5)).tags, []);
  });

  it("stay for another image that has the same one", async () => {
    const { here, there } = tested();
    await pushImage(here, image);
    await pushImage(there, alike);
    await here.manifests.delete(repository, alike.manifest.digest);
    assert.equal((await find(image.manifest)).link.twin, twin.digest);
    assert.equal((await find(twin)).digest, twin.digest);
    await here.manifests.delete(repository, image.manifest.digest);
    await assert.rejects(find(twin), ManifestUnknown);
  });

  it("stay when the same manifest was pushed by itself, before or after", async () => {
    const { here } = tested();
    await pushParts(here, image);
    await here.manifests.put(repository, twin, ["docker"]);
    await here.manifests.put(repository, image.manifest, ["oci"]);
    await here.manifests.delete(repository, image.manifest.digest);
    assert.equal((await here.manifests.find(repository, { tag: "docker" })).digest, twin.digest);
    await here.manifests.delete(repository, twin.digest);
    await here.manifests.put(repository, image.manifest, ["oci"]);
    await here.manifests.put(repository, twin, ["docker"]);
    await here.manifests.delete(repository, image.manifest.digest);
    assert.equal((await here.manifests.find(repository, { tag: "docker" })).digest, twin.digest);
  });

  it("of a package's image are as protected as the image", async () => {
    const { here } = tested();
    await pushImage(here, alike);
    await here.manifests.link(repository, image.manifest, { ofPackage: true });
    await assert.rejects(here.manifests.delete(repository, twin.digest), PackageContentProtected);
    await here.manifests.delete(repository, alike.manifest.digest);
    assert.equal((await find(twin)).digest, twin.digest);
  });

  it("come back with an image that is put again", async () => {
    const { here } = tested();
    await pushImage(here, image);
    await here.manifests.delete(repository, image.manifest.digest);
    await here.manifests.put(repository, image.manifest);
    assert.equal((await find(twin)).digest, twin.digest);
  });
});
