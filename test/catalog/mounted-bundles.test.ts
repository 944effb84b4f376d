/** Protects serving bundles from where they lie: at once, whatever their size, and all of them alike. */
import assert from "node:assert/strict";
import { createWriteStream } from "node:fs";
import { open, truncate } from "node:fs/promises";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { after, before, describe, it } from "node:test";
import { mountBundles } from "../../src/catalog/mounted-bundles.ts";
import { PackageCatalog } from "../../src/catalog/package-catalog.ts";
import type { Digest } from "../../src/oci/digest.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { mediaType } from "../../src/oci/media-type.ts";
import { encodeTarHeader } from "../../src/packages/tar-header.ts";
import { openRegistry } from "../../src/registry/registry.ts";
import { FileRangesStore } from "../../src/storage/file-ranges-store.ts";
import { fixedBody } from "../fixtures/body.ts";
import { type Bundle, makeBundle } from "../fixtures/bundle.ts";
import { makeImage, type TestImage } from "../fixtures/image.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

const GiB = 1024 ** 3;

describe("bundles served from their files", () => {
  let scratch: string;
  before(async () => {
    scratch = await makeScratch("mounted");
  });
  after(() => removeScratch(scratch));

  const at = (name: string): string => path.join(scratch, name);

  async function write(name: string, bundle: Bundle): Promise<string> {
    await pipeline(bundle.stream, createWriteStream(at(name)));
    return at(name);
  }

  function openEmpty() {
    const store = new FileRangesStore();
    const registry = openRegistry(store, { manifestLimit: 4 * 1024 * 1024, uploadLifeMs: 0 });
    return { store, registry, catalog: new PackageCatalog(registry) };
  }

  async function content(
    registry: ReturnType<typeof openEmpty>["registry"],
    digest: Digest,
    range?: { start: number; end: number },
  ): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of await registry.blobs.stream(digest, range)) {
      chunks.push(Buffer.from(chunk));
    }
    return Buffer.concat(chunks).toString();
  }

  it("show their packages, and give contents and parts of them", async () => {
    const text = "content of a file in a bundle";
    const file = await write("a.dcos", await makeBundle({ assets: { f: fixedBody(text) } }));
    const { store, registry, catalog } = openEmpty();
    const [published] = await mountBundles(registry, store, [file]);
    assert.equal(published?.record.definition.name, "test-bundle");
    const { packages } = await catalog.snapshot();
    assert.equal(packages.length, 1);
    assert.equal(await content(registry, digestOf(text)), text);
    assert.equal(
      await content(registry, digestOf(text), { start: 8, end: 11 }),
      "of a".slice(0, 4),
    );
  });

  it("share what they have in common, and number their versions by their order", async () => {
    const image = await makeImage({ layers: [[{ path: "x", content: "shared" }]] });
    const images = { "docker.io/acme/main:1": image };
    const files = [
      await write("2.dcos", await makeBundle({ version: "2", images })),
      await write("1.dcos", await makeBundle({ version: "1", images })),
    ];
    const orders: string[][] = [];
    for (let machine = 0; machine < 2; machine += 1) {
      const { store, registry } = openEmpty();
      const published = await mountBundles(registry, store, files);
      orders.push(
        published.map((each) => `${each.record.definition.version} ${each.releaseVersion}`),
      );
    }
    assert.deepEqual(orders[0], orders[1]);
    const numbers = orders[0]?.map((entry) => Number(entry.split(" ")[1])) ?? [];
    assert.ok((numbers[0] ?? 0) < (numbers[1] ?? 0), "the last file is the newest version");
  });

  it("are there within a second, however large", async (t) => {
    const file = await writeSparse(at("large.dcos"), 4 * GiB);
    const { store, registry } = openEmpty();
    const started = performance.now();
    await mountBundles(registry, store, [file]);
    const ms = performance.now() - started;
    t.diagnostic(`4 GiB are served after ${Math.round(ms)} ms`);
    assert.ok(ms < 1000, `${ms} ms`);
  });

  it("are refused with their name when they are broken, cut off or none", async () => {
    const { store, registry } = openEmpty();
    const whole = await write("cut.dcos", await makeBundle());
    await truncate(whole, 4096);
    await assert.rejects(mountBundles(registry, store, [whole]), /cut\.dcos: bundle is truncated/);
    const absent = mountBundles(registry, store, [at("absent.dcos")]);
    await assert.rejects(absent, /absent\.dcos: ENOENT/);
    const none = mountBundles(registry, store, [import.meta.filename]);
    await assert.rejects(none, /mounted-bundles\.test\.js: not a \.dcos bundle/);
  });

  /** A bundle with one layer of `size` bytes, which are a hole in the file. */
  async function writeSparse(file: string, size: number): Promise<string> {
    const image = imageWithLayer(await makeImage({ layers: [[]] }), size);
    const { plan } = await makeBundle({ images: { "docker.io/acme/large:1": image } });
    const handle = await open(file, "w");
    await handle.truncate(plan.size);
    for (const { name, size: bytes, offset, content: known } of plan.entries) {
      await handle.write(encodeTarHeader(name, bytes), 0, 512, offset);
      if ("bytes" in known) await handle.write(known.bytes, 0, bytes, offset + 512);
      else if (bytes < 1024) {
        const small =
          [...image.contents.values()].find(({ descriptor }) => descriptor.digest === known.blob)
            ?.bytes ?? Buffer.from("content of the asset\n");
        await handle.write(small, 0, bytes, offset + 512);
      }
    }
    await handle.close();
    return file;
  }

  function imageWithLayer(image: TestImage, size: number): TestImage {
    const config = [...image.contents.values()].find(
      ({ descriptor }) => descriptor.mediaType === mediaType.dockerConfig,
    );
    assert.ok(config);
    const layer = { mediaType: mediaType.dockerLayerGzip, digest: digestOf("a hole"), size };
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: mediaType.dockerManifest,
        config: config.descriptor,
        layers: [layer],
      }),
    );
    const descriptor = {
      mediaType: mediaType.dockerManifest,
      digest: digestOf(bytes),
      size: bytes.byteLength,
    };
    return {
      descriptor,
      contents: new Map([
        [config.descriptor.digest, config],
        [descriptor.digest, { descriptor, bytes }],
      ]),
    };
  }
});
