import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { describeBytes } from "../../src/oci/descriptor.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { mediaType } from "../../src/oci/media-type.ts";
import { BundleInvalid } from "../../src/packages/bundle-error.ts";
import { checkPackageImages, type StoredContent } from "../../src/packages/check-package-images.ts";
import type { PackageContent } from "../../src/packages/package-content.ts";
import { readPackageContent } from "../../src/packages/read-package-content.ts";
import { manifestImage, samplePackage, sparseImage, tampered } from "./sample-package.ts";

const sample = samplePackage();

function storeOf(content: ReadonlyMap<Digest, Buffer>) {
  const reads: Digest[] = [];
  const stored: StoredContent = {
    sizeOf: async (digest) => content.get(digest)?.length,
    read: async (digest) => {
      reads.push(digest);
      return content.get(digest) ?? assert.fail(`${digest} is not here`);
    },
  };
  return { stored, reads };
}

const contentOf = (root: Digest, content: ReadonlyMap<Digest, Buffer>): Promise<PackageContent> =>
  readPackageContent(root, async (digest) => content.get(digest) ?? assert.fail("incomplete"));

async function refusal(root: Digest, content: ReadonlyMap<Digest, Buffer>): Promise<string> {
  const check = checkPackageImages(await contentOf(root, content), storeOf(content).stored);
  const error = await check.then(
    () => assert.fail("was accepted"),
    (reason) => reason,
  );
  assert.ok(error instanceof BundleInvalid, String(error));
  return error.message;
}

const without = (...digests: (Digest | undefined)[]) =>
  new Map([...sample.content].filter(([digest]) => !digests.includes(digest)));

describe("checkPackageImages", () => {
  it("accepts a package that is whole, with a sparse index", async () => {
    const { stored } = storeOf(sample.content);
    await checkPackageImages(await contentOf(sample.root, sample.content), stored);
  });

  it("leaves missing layers and assets to the caller", async () => {
    const content = without(digestOf("scheduler"), digestOf("layer 0 of redis"));
    const { stored } = storeOf(content);
    await checkPackageImages(await contentOf(sample.root, content), stored);
  });

  it("refuses sizes that are not those of the content", async () => {
    const asset = tampered(sample, (_, { layers }) => {
      Object.assign(layers[1] ?? {}, { size: 10 });
    });
    assert.match(await refusal(asset.root, asset.content), /has 10 bytes, not 9/);
    const image = tampered(sample, ({ manifests }) => {
      Object.assign(manifests[1] ?? {}, { size: 1 });
    });
    assert.match(await refusal(image.root, image.content), /has 1 bytes, not \d+/);
  });

  it("refuses an image that is not here, or an index without any platform", async () => {
    const [index, manifest] = sparseImage("db").documents.map((bytes) => digestOf(bytes));
    const expected = "the package lacks the content of image quay.io/acme/db:1";
    for (const content of [without(manifest), without(index)]) {
      assert.equal(await refusal(sample.root, content), expected);
    }
  });

  it("refuses an image whose manifest is not of the type that is stated", async () => {
    const { root, content } = tampered(sample, ({ manifests }) => {
      Object.assign(manifests[1] ?? {}, { mediaType: mediaType.ociManifest });
    });
    assert.match(
      await refusal(root, content),
      /image docker\.io\/library\/redis:7\.2: .*mediaType/,
    );
  });

  it("looks at each manifest once, however hostile the index is", async () => {
    const content = new Map(sample.content);
    let child = manifestImage("redis", 2).descriptor;
    for (let depth = 0; depth < 30; depth += 1) {
      const manifests = [child, child, child];
      const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests, annotations: {} }));
      child = describeBytes(mediaType.ociIndex, bytes);
      content.set(child.digest, bytes);
    }
    const { root, content: whole } = tampered({ ...sample, content }, ({ manifests }) => {
      Object.assign(manifests[1] ?? {}, child);
    });
    const { stored, reads } = storeOf(whole);
    await checkPackageImages(await contentOf(root, whole), stored);
    assert.equal(reads.length, 31 + 2);
  });
});
