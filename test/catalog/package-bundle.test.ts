/** Packages as bundles again, and additions that keep the releaseVersion of a backup. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { PackageCatalog } from "../../src/catalog/package-catalog.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { fixedBody } from "../fixtures/body.ts";
import { type Bundle, bundleBytes, makeBundle } from "../fixtures/bundle.ts";
import { bundleOf } from "../packages/hostile-tar.ts";
import { manifestImage, samplePackage } from "../packages/sample-package.ts";
import { describeRegistry } from "../registry/registry-under-test.ts";
import { collect, piecesOf } from "../storage/bytes.ts";

const signal = new AbortController().signal;
const now = 1_700_000_000;

describeRegistry("bundles of published packages", (tested) => {
  const catalog = (at = now) =>
    new PackageCatalog(tested().here, { now: () => new Date(at * 1000) });
  const sample = samplePackage();

  async function exported(from: PackageCatalog): Promise<Buffer> {
    const bundle = await from.bundle(sample.root);
    assert.ok(bundle);
    const bytes = await collect(bundle.read(undefined, signal));
    assert.equal(bytes.byteLength, bundle.size);
    return bytes;
  }

  it("are the files that came in, byte for byte", async () => {
    const file = await bundleOf(sample);
    await catalog().ingest(piecesOf(file), signal);
    assert.ok(file.equals(await exported(catalog())));
  });

  it("are the same when the content was pushed in parts", async () => {
    const { here } = tested();
    for (const bytes of sample.content.values()) {
      await here.blobs.pushBytes(digestOf(bytes), bytes);
    }
    await catalog().publish(sample.root);
    assert.ok((await bundleOf(sample)).equals(await exported(catalog())));
  });

  it("are the same when other platforms of an image come here later", async () => {
    await catalog().ingest(piecesOf(await bundleOf(sample)), signal);
    const absent = manifestImage("db on arm64");
    for (const bytes of [...absent.blobs, ...absent.documents]) {
      await tested().here.blobs.pushBytes(digestOf(bytes), bytes);
    }
    assert.ok((await bundleOf(sample)).equals(await exported(catalog())));
  });

  it("can be read in parts, cut anywhere", async () => {
    const file = await bundleOf(sample);
    await catalog().ingest(piecesOf(file), signal);
    const bundle = await catalog().bundle(sample.root);
    assert.ok(bundle);
    for (let start = 0; start < file.byteLength; start += 1_237) {
      const end = Math.min(start + 3_000, file.byteLength - 1);
      const part = await collect(bundle.read({ start, end }, signal));
      assert.ok(part.equals(file.subarray(start, end + 1)), `from ${start}`);
    }
  });

  it("are those of published packages only", async () => {
    assert.equal(await catalog().bundle(sample.root), undefined);
    await catalog().ingest(piecesOf(await bundleOf(sample)), signal);
    await catalog().remove("sample", "1.0-1");
    assert.equal(await catalog().bundle(sample.root), undefined);
  });
});

describeRegistry("releaseVersion of a backup", (tested) => {
  const catalog = (at = now) =>
    new PackageCatalog(tested().here, { now: () => new Date(at * 1000) });
  const version = (text: string, content = text): Promise<Bundle> =>
    makeBundle({ name: "hello", version: text, assets: { "file.txt": fixedBody(content) } });

  async function add(one: Bundle, releaseVersion?: number): Promise<number> {
    const options = releaseVersion === undefined ? {} : { releaseVersion };
    const bytes = await bundleBytes(one);
    return (await catalog().ingest(piecesOf(bytes), signal, options)).releaseVersion;
  }

  it("is given as it was, in whatever order", async () => {
    assert.equal(await add(await version("2.0"), 200), 200);
    assert.equal(await add(await version("1.0"), 100), 100);
    const { packages } = await catalog().snapshot();
    const releases = packages.map(({ releaseVersion }) => releaseVersion);
    assert.deepEqual(releases.sort(), [100, 200]);
  });

  it("never lowers what comes next", async () => {
    await add(await version("1.0"), now + 50);
    await add(await version("0.9"), 5);
    assert.equal(await add(await version("2.0")), now + 51);
  });

  it("is that of the package here, when it is here already", async () => {
    const first = await add(await version("1.0"));
    assert.equal(await add(await version("1.0"), 7), first);
  });

  it("comes back with a removed package", async () => {
    const one = await version("1.0");
    await add(one, 100);
    await add(await version("2.0"), 200);
    await catalog().remove("hello", "1.0");
    assert.equal(await add(one, 100), 100);
  });

  it("is refused when another version has it, or had it and is retained", async () => {
    await add(await version("1.0"), 100);
    const refusal = {
      code: "PackageConflict",
      message: /100 of hello .* belongs to version 1\.0$/,
    };
    await assert.rejects(add(await version("2.0"), 100), refusal);
    await catalog().remove("hello", "1.0");
    await assert.rejects(add(await version("2.0"), 100), refusal);
    assert.deepEqual((await catalog().snapshot()).packages, []);
  });

  it("is refused far in the future, where it would be ahead of all that follows", async () => {
    const far = now + 2 * 24 * 60 * 60;
    await assert.rejects(add(await version("1.0"), far), /is in the future$/);
    assert.deepEqual((await catalog().snapshot()).packages, []);
  });
});
