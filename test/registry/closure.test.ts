/** What a manifest keeps alive: all of it, once, within limits. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import type { Manifest } from "../../src/oci/manifest.ts";
import { mediaType } from "../../src/oci/media-type.ts";
import { ManifestInvalid } from "../../src/oci/registry-error.ts";
import { closureOf, type ReadChild } from "../../src/registry/closure.ts";
import { descriptorOf, imageOf, indexOf, manifestOf } from "./content.ts";

const image = imageOf(1);
const parts = (of: typeof image): Digest[] =>
  [of.config, ...of.layers].map((content) => content.digest);

class Shelf {
  readonly reads: Digest[] = [];
  readonly #bytes: ReadonlyMap<Digest, Buffer>;

  constructor(...manifests: readonly Manifest[]) {
    this.#bytes = new Map(manifests.map(({ digest, bytes }) => [digest, bytes]));
  }

  readonly read: ReadChild = async ({ digest }) => {
    this.reads.push(digest);
    return this.#bytes.get(digest);
  };
}

function sorted(digests: Iterable<Digest>): Digest[] {
  return [...digests].sort();
}

describe("closure", () => {
  it("of an image is the manifest, its config and its layers", async () => {
    const { required, optional } = await closureOf(image.manifest, new Shelf().read);
    assert.deepEqual(sorted(required), sorted([image.manifest.digest, ...parts(image)]));
    assert.equal(optional.size, 0);
  });

  it("of an index goes through indexes down to layers, whatever is here", async () => {
    const [here, absent] = [imageOf(2), imageOf(3)];
    const inner = indexOf([here.manifest, absent.manifest]);
    const outer = indexOf([inner, image.manifest]);
    const shelf = new Shelf(inner, here.manifest, image.manifest);
    const { required, optional } = await closureOf(outer, shelf.read);
    const manifests = [outer, inner, here.manifest, image.manifest].map(({ digest }) => digest);
    assert.deepEqual(sorted(required), sorted([...manifests, ...parts(here), ...parts(image)]));
    assert.deepEqual([...optional], [absent.manifest.digest]);
  });

  it("reads each manifest once, however often it is named", async () => {
    const twice = indexOf([image.manifest, image.manifest]);
    const index = indexOf([twice, image.manifest, twice]);
    const shelf = new Shelf(twice, image.manifest);
    await closureOf(index, shelf.read);
    assert.deepEqual(sorted(shelf.reads), sorted([twice.digest, image.manifest.digest]));
  });

  it("keeps what need not be here: non-distributable layers, children of other types", async () => {
    const foreign = { mediaType: mediaType.dockerForeignLayer, digest: digestOf("f"), size: 1 };
    const text = { mediaType: "text/plain", digest: digestOf("t"), size: 1 };
    const manifest = manifestOf(mediaType.dockerManifest, {
      config: { mediaType: mediaType.dockerConfig, digest: digestOf("c"), size: 1 },
      layers: [foreign],
    });
    const shelf = new Shelf(manifest);
    const { required, optional } = await closureOf(indexOf([manifest, text]), shelf.read);
    assert.ok(required.has(digestOf("c")));
    assert.deepEqual(sorted(optional), sorted([foreign.digest, text.digest]));
    assert.deepEqual(shelf.reads, [manifest.digest]);
  });

  it("needs what one manifest may lack and another may not", async () => {
    const shared = digestOf("shared");
    const layer = (type: string) => ({ mediaType: type, digest: shared, size: 1 });
    const config = { mediaType: mediaType.dockerConfig, digest: digestOf("c"), size: 1 };
    const manifests = [mediaType.dockerForeignLayer, mediaType.dockerLayerGzip].map((type) =>
      manifestOf(mediaType.dockerManifest, { config, layers: [layer(type)] }),
    );
    const shelf = new Shelf(...manifests);
    assert.ok((await closureOf(indexOf(manifests), shelf.read)).required.has(shared));
  });

  it("leaves the subject out", async () => {
    const subject = imageOf(9).manifest;
    const { required, optional } = await closureOf(
      imageOf(4, { subject }).manifest,
      new Shelf(subject).read,
    );
    assert.ok(!required.has(subject.digest) && !optional.has(subject.digest));
  });

  it("takes a few levels of indexes and refuses many", async () => {
    const nest = (levels: number): Manifest[] => {
      const nested: Manifest[] = [image.manifest];
      for (let level = 0; level < levels; level += 1) {
        nested.unshift(indexOf([nested[0] ?? image.manifest]));
      }
      return nested;
    };
    const take = async (levels: number): Promise<number> => {
      const [outer = image.manifest, ...inner] = nest(levels);
      return (await closureOf(outer, new Shelf(...inner).read)).required.size;
    };
    assert.equal(await take(10), 10 + 1 + parts(image).length);
    await assert.rejects(take(16), ManifestInvalid);
  });

  it("refuses more digests than a link can hold", async () => {
    const children: Descriptor[] = Array.from({ length: 50_001 }, (_, number) => ({
      ...descriptorOf(image.manifest),
      digest: digestOf(String(number)),
    }));
    await assert.rejects(closureOf(indexOf(children), new Shelf().read), ManifestInvalid);
  });

  it("refuses a child that is no manifest of the type it is named with", async () => {
    const wrong = { ...descriptorOf(image.manifest), mediaType: mediaType.ociIndex };
    const shelf = new Shelf(image.manifest);
    await assert.rejects(closureOf(indexOf([wrong]), shelf.read), ManifestInvalid);
  });
});
