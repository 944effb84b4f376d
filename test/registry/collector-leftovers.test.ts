/** What is left of packages and of deletes that broke off goes, and nothing that is used again. */
import assert from "node:assert/strict";
import { it } from "node:test";
import type { Digest } from "../../src/oci/digest.ts";
import type { LinkOwner } from "../../src/registry/collector/link-roots.ts";
import { layout } from "../../src/registry/layout.ts";
import type { ManifestLink } from "../../src/registry/manifest-link.ts";
import { StoreUnavailable } from "../../src/storage/store-error.ts";
import { CollectorUnderTest } from "./collector-under-test.ts";
import { imageOf, pushImage, pushParts, repository } from "./content.ts";
import { describeRegistry } from "./registry-under-test.ts";

const image = imageOf(1, { format: "docker" });
const { digest } = image.manifest;
const link = /^link\//;

const nobody: LinkOwner = { ownsLink: () => false, ownsTag: () => false, mayOwnTag: () => true };
const somebody: LinkOwner = { ownsLink: () => true, ownsTag: () => true, mayOwnTag: () => true };

describeRegistry("leftovers", (tested) => {
  const stateOf = async (of: Digest): Promise<string | undefined> =>
    (await tested().there.documents.read<ManifestLink>(layout.link(repository, of)))?.value.state;
  const publish = () =>
    tested().there.manifests.link(repository, image.manifest, { ofPackage: true });
  const gcOf = (owner: LinkOwner) => new CollectorUnderTest(tested().store, { owner });

  it("go with a package that is in no catalogue, and stay while it is", async () => {
    await pushParts(tested().here, image);
    await publish();
    await gcOf(somebody).cycles();
    assert.equal(await stateOf(digest), "committed");
    await gcOf(nobody).cycles();
    assert.equal(await stateOf(digest), "deleted");
    assert.equal(await tested().there.blobs.exists(image.config.digest), false);
  });

  it("stay when a client has put the same manifest, before or behind the package", async () => {
    await pushImage(tested().here, image);
    await publish();
    await gcOf(nobody).cycles(1);
    assert.equal(await stateOf(digest), "committed");
    await publish();
    await tested().here.manifests.put(repository, image.manifest);
    await gcOf(nobody).cycles();
    await tested().here.manifests.find(repository, { digest });
    await tested().here.manifests.delete(repository, digest);
    assert.equal(await stateOf(digest), "deleted");
  });

  it("are a package's again that is added while they go", async () => {
    await pushParts(tested().here, image);
    for (const method of ["load", "save"] as const) {
      await publish();
      const gc = gcOf(nobody);
      const scanned = gc.store.hold("list", /^rec\//);
      const cycle = gc.cycle();
      await scanned.arrived; // the link is known, and is read again only to change it
      const changing = gc.store.hold(method, link);
      await scanned.proceed();
      await changing.arrived;
      await publish();
      await changing.proceed();
      await cycle;
      assert.equal(await stateOf(digest), "committed", method);
    }
  });

  it("of a delete that broke off behind the manifest: its twin goes", async () => {
    const oci = imageOf(2);
    const name = { digest: oci.manifest.digest };
    await pushImage(tested().here, oci);
    const { twin } = (await tested().here.manifests.find(repository, name)).link;
    assert.ok(twin);
    const { store, manifests } = tested().here;
    const deleting = store.hold("save", link);
    const releasing = store.hold("load", new RegExp(`^${layout.link(repository, twin)}$`));
    const deleted = manifests.delete(repository, oci.manifest.digest);
    await deleting.proceed();
    await releasing.refuse(new StoreUnavailable("gone away"));
    await assert.rejects(deleted, StoreUnavailable);
    assert.equal(await stateOf(twin), "committed");
    await gcOf(somebody).cycles();
    assert.equal(await stateOf(twin), "deleted");
    assert.equal(await tested().there.blobs.exists(oci.config.digest), false);
  });
});
