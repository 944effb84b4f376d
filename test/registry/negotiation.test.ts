/** Which manifest a client gets that cannot read the one that is stored. */
import assert from "node:assert/strict";
import { it } from "node:test";
import type { Platform } from "../../src/oci/descriptor.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { mediaType } from "../../src/oci/media-type.ts";
import { ManifestUnknown } from "../../src/oci/registry-error.ts";
import { negotiate } from "../../src/registry/negotiation.ts";
import { schema2Twin } from "../../src/registry/schema2-twin.ts";
import {
  descriptorOf,
  imageOf,
  indexOf,
  manifestOf,
  pushContent,
  pushImage,
  repository,
} from "./content.ts";
import { describeRegistry } from "./registry-under-test.ts";

const amd64: Platform = { os: "linux", architecture: "amd64" };
const arm64: Platform = { os: "linux", architecture: "arm64" };
const oci = imageOf(1);
const docker = imageOf(2, { format: "docker" });
const arm = imageOf(3);
const everything = (): boolean => true;
const only =
  (...types: readonly string[]) =>
  (type: string): boolean =>
    types.includes(type);
const schema2 = only(mediaType.dockerManifest);

describeRegistry("negotiation", (tested) => {
  async function ask(digest: Digest, accepts: (type: string) => boolean): Promise<Digest> {
    const { manifests } = tested().there;
    const stored = await manifests.find(repository, { digest });
    return (await negotiate(manifests, repository, stored, accepts)).digest;
  }

  it("gives what is stored to whoever reads it", async () => {
    await pushImage(tested().here, oci);
    assert.equal(await ask(oci.manifest.digest, everything), oci.manifest.digest);
    const readsOci = only(mediaType.ociManifest, mediaType.dockerManifest);
    assert.equal(await ask(oci.manifest.digest, readsOci), oci.manifest.digest);
  });

  it("gives the twin of an OCI image to a reader of schema 2, and writes nothing", async () => {
    await pushImage(tested().here, oci);
    tested().there.store.takeRequests();
    const twin = await ask(oci.manifest.digest, schema2);
    assert.equal(twin, schema2Twin(oci.manifest)?.digest);
    const writes = /^(?:save|stage|delete) /;
    assert.deepEqual(
      tested()
        .there.store.takeRequests()
        .filter((request) => writes.test(request)),
      [],
    );
  });

  it("gives the linux/amd64 image of an index to a reader of single images", async () => {
    const { here } = tested();
    for (const image of [oci, docker, arm]) await pushImage(here, image);
    const children = (first: typeof oci) => [
      descriptorOf(imageOf(8).manifest, { os: "unknown", architecture: "unknown" }),
      descriptorOf(arm.manifest, arm64),
      descriptorOf(first.manifest, amd64),
    ];
    const [ociIndex, list] = [indexOf(children(oci)), indexOf(children(docker), "docker")];
    for (const index of [ociIndex, list]) await here.manifests.put(repository, index);
    assert.equal(await ask(ociIndex.digest, only(mediaType.ociManifest)), oci.manifest.digest);
    assert.equal(await ask(ociIndex.digest, schema2), schema2Twin(oci.manifest)?.digest);
    assert.equal(await ask(list.digest, schema2), docker.manifest.digest);
    assert.equal(await ask(list.digest, only(mediaType.dockerList)), list.digest);
  });

  it("goes through an index in an index", async () => {
    const { here } = tested();
    await pushImage(here, oci);
    const inner = indexOf([descriptorOf(oci.manifest, amd64)]);
    await here.manifests.put(repository, inner);
    const outer = indexOf([descriptorOf(inner, amd64)]);
    await here.manifests.put(repository, outer);
    assert.equal(await ask(outer.digest, only(mediaType.ociManifest)), oci.manifest.digest);
  });

  it("says why it has nothing for the client", async () => {
    const { here } = tested();
    await pushImage(here, docker);
    await pushImage(here, oci);
    const noLinux = indexOf([descriptorOf(oci.manifest, arm64)]);
    const absent = indexOf([descriptorOf(imageOf(7).manifest, amd64)]);
    const config = { ...descriptorOf(oci.manifest), mediaType: mediaType.ociConfig };
    const zstd = manifestOf(mediaType.ociManifest, {
      config: { ...config, digest: oci.config.digest },
      layers: [{ ...config, mediaType: mediaType.ociLayerZstd, digest: oci.config.digest }],
    });
    await pushContent(here, oci.config);
    for (const manifest of [noLinux, absent, zstd]) await here.manifests.put(repository, manifest);
    const refusals: readonly (readonly [Digest, string, RegExp])[] = [
      [docker.manifest.digest, mediaType.ociManifest, /does not accept/],
      [
        zstd.digest,
        mediaType.dockerManifest,
        /does not know application\/vnd\.oci\.image\.layer\.v1\.tar\+zstd/,
      ],
      [noLinux.digest, mediaType.ociManifest, /without a linux\/amd64 image/],
      [absent.digest, mediaType.ociManifest, /has no manifest/],
      [oci.manifest.digest, "text/html", /does not accept/],
    ];
    for (const [digest, type, why] of refusals) {
      await assert.rejects(ask(digest, only(type)), (error: ManifestUnknown) => {
        assert.ok(error instanceof ManifestUnknown);
        assert.match(error.message, why);
        return true;
      });
    }
  });
});
