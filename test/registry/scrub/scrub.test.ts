/** T7: whatever a disk does to what is stored, the scrub finds it, nobody is given it, a push heals it. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { PackageCatalog } from "../../../src/catalog/package-catalog.ts";
import { BlobUnknown } from "../../../src/oci/registry-error.ts";
import type { BlobRecord } from "../../../src/registry/blob-record.ts";
import { layout } from "../../../src/registry/layout.ts";
import { ByteRate } from "../../../src/registry/scrub/byte-rate.ts";
import { type Damage, subjectOf } from "../../../src/registry/scrub/damage.ts";
import { Scrubber, TooMuchDamage } from "../../../src/registry/scrub/scrubber.ts";
import { Documents } from "../../../src/storage/documents.ts";
import type { ObjectStore } from "../../../src/storage/object-store.ts";
import { fixedBody } from "../../fixtures/body.ts";
import { makeBundle } from "../../fixtures/bundle.ts";
import { allKeys, pattern } from "../../storage/bytes.ts";
import {
  type Content,
  contentOf,
  imageOf,
  large,
  noBody,
  pushContent,
  pushImage,
  readBlob,
  repository,
} from "../content.ts";
import { describeRegistry, type Instance } from "../registry-under-test.ts";
import { harmData, harmDocument, harms } from "./damage.ts";

const signal = new AbortController().signal;

function scrubberOf(registry: Instance): Scrubber {
  return new Scrubber({ store: registry.store, registry, rate: new ByteRate(0) });
}

async function segmentsOf(store: ObjectStore, { digest }: Content): Promise<string[]> {
  const record = await new Documents(store).read<BlobRecord>(layout.record(digest));
  const { value } = record ?? { value: undefined };
  return value?.state === "live" ? (value.segments ?? []).map(({ key }) => key) : [];
}

const isDamaged = (error: unknown): boolean => {
  assert.ok(error instanceof BlobUnknown);
  assert.match(error.message, /was found damaged and is not served; push it again/);
  return true;
};

describeRegistry("a scrub", (tested) => {
  async function damages(): Promise<readonly Damage[]> {
    return (await scrubberOf(tested().there).journal.read()).damages;
  }

  for (const [name, harm] of Object.entries(harms)) {
    it(`finds ${name} in data, gives nobody the rest, and is healed by a push`, async () => {
      const { here, there, store } = tested();
      const good = large(1);
      const bad = large(2);
      for (const content of [good, bad]) await pushContent(here, content);
      const [key = ""] = await segmentsOf(store, bad);
      await harmData(store, key, harm);

      const { counts } = await scrubberOf(here).pass({ signal });
      assert.equal(counts.damaged, 1);
      const [found, ...others] = await damages();
      assert.deepEqual(others, []);
      assert.equal(found?.digest, bad.digest);
      for (const instance of [here, there]) {
        await assert.rejects(readBlob(instance.blobs, bad.digest), isDamaged);
        await assert.rejects(instance.blobs.require(bad.digest), isDamaged);
        assert.equal(await instance.blobs.exists(bad.digest), false);
        assert.ok((await readBlob(instance.blobs, good.digest)).equals(good.bytes));
      }
      assert.equal(await store.stat(key), undefined);

      await pushContent(there, bad);
      assert.ok((await readBlob(here.blobs, bad.digest)).equals(bad.bytes));
      assert.deepEqual(await scrubberOf(here).refresh(), []);
      assert.equal((await scrubberOf(here).pass({ signal })).counts.damaged, 0);
    });

    it(`finds ${name} in a blob that stands in its record`, async () => {
      const { here, there, store } = tested();
      const image = imageOf(1);
      await pushImage(here, image, ["v1"]);
      await harmDocument(store, layout.record(image.config.digest), harm);
      // Before any scrub: damaged bytes are not even given to the first reader.
      await assert.rejects(readBlob(there.blobs, image.config.digest), BlobUnknown);

      await scrubberOf(here).pass({ signal });
      const [found, ...others] = await damages();
      assert.deepEqual(others, []);
      assert.equal(found?.digest, image.config.digest);
      assert.ok(found?.neededBy?.includes(`${repository}@${image.manifest.digest}`));

      await pushContent(there, image.config);
      await pushImage(there, image, ["v1"]);
      assert.ok((await readBlob(here.blobs, image.config.digest)).equals(image.config.bytes));
      assert.equal((await scrubberOf(here).pass({ signal })).counts.damaged, 0);
      assert.deepEqual(await damages(), []);
    });
  }

  it("finds damage in any of the segments of an upload", async () => {
    const { here, store } = tested();
    const blob = large(3, 150_000);
    const id = await here.uploads.start(repository);
    for (const part of [blob.bytes.subarray(0, 90_000), blob.bytes.subarray(90_000)]) {
      await here.uploads.append(repository, id, { body: contentOf(part).body() });
    }
    await here.uploads.finish(repository, id, blob.digest, { body: noBody() });
    const [, second = ""] = await segmentsOf(store, blob);
    await harmData(store, second, harms["a flipped bit"] ?? (() => undefined));
    await scrubberOf(here).pass({ signal });
    assert.deepEqual((await damages()).map(subjectOf), [blob.digest]);
    await assert.rejects(readBlob(here.blobs, blob.digest), isDamaged);
    // Nothing of it is left but what is kept for the operator.
    assert.deepEqual(await allKeys(store, "data/"), []);
    const [kept = ""] = await allKeys(store, layout.quarantine);
    assert.equal(await store.stat(kept), 150_000);
  });

  it("heals a manifest and its parts when the image is pushed as clients do", async () => {
    const { here, there, store } = tested();
    const image = imageOf(4);
    const { digest } = image.manifest;
    await pushImage(here, image, ["v1"]);
    const flip = harms["a flipped bit"] ?? (() => undefined);
    await harmDocument(store, layout.record(digest), flip);
    for (const layer of image.layers) {
      for (const key of await segmentsOf(store, layer)) await harmData(store, key, flip);
    }
    await scrubberOf(here).pass({ signal });
    await assert.rejects(there.manifests.bytes(digest), isDamaged);
    const damaged = new Set((await damages()).map(subjectOf));
    assert.deepEqual(damaged, new Set([digest, image.layers[1]?.digest]));
    // The manifest alone is not taken for whole.
    await assert.rejects(
      there.manifests.put(repository, image.manifest, ["v1"]),
      /references content that is not here/,
    );
    await pushImage(there, image, ["v1"]);
    assert.ok((await here.manifests.bytes(digest)).equals(image.manifest.bytes));
    assert.deepEqual(await scrubberOf(here).refresh(), []);
  });

  it("reports damaged tags and links, which are written over by putting them again", async () => {
    const { here, there, store } = tested();
    const image = imageOf(5);
    await pushImage(here, image, ["v1"]);
    const link = layout.link(repository, image.manifest.digest);
    const tag = layout.tag(repository, "v1");
    for (const key of [link, tag]) {
      await harmDocument(store, key, harms["a flipped bit"] ?? (() => undefined));
    }
    await scrubberOf(here).pass({ signal });
    assert.deepEqual(new Set((await damages()).map(subjectOf)), new Set([link, tag]));
    await assert.rejects(there.manifests.find(repository, { tag: "v1" }), /is damaged/);
    await there.manifests.put(repository, image.manifest, ["v1"]);
    assert.equal(
      (await here.manifests.find(repository, { tag: "v1" })).digest,
      image.manifest.digest,
    );
    assert.deepEqual(await scrubberOf(here).refresh(), []);
  });

  it("finds damage in a package, which adding its file again heals", async () => {
    const { here, there, store } = tested();
    const assets = { "large.bin": fixedBody(pattern(40_000)) };
    const bundle = await makeBundle({ assets });
    await new PackageCatalog(here).ingest(bundle.stream(), signal);
    const flip = harms["a flipped bit"] ?? (() => undefined);
    for (const key of await allKeys(store, "data/")) await harmData(store, key, flip);
    for (const key of await allKeys(store, layout.records)) {
      if ((await store.load(key))?.bytes.includes('"segments"')) continue;
      await harmDocument(store, key, flip);
    }
    const said = ["link/", "tag/", "package/"];
    const documents = (await Promise.all(said.map((prefix) => allKeys(store, prefix)))).flat();
    for (const key of documents) await harmDocument(store, key, flip);
    const { counts } = await scrubberOf(here).pass({ signal });
    assert.ok(documents.length >= 4);
    assert.equal(counts.damaged, counts.blobs + documents.length);
    const digests = new Set((await damages()).map(subjectOf));
    assert.equal(digests.size, counts.damaged);
    const added = await new PackageCatalog(there).ingest(bundle.stream(), signal);
    assert.equal(added.created, false);
    assert.deepEqual(await scrubberOf(here).refresh(), []);
    assert.equal((await scrubberOf(there).pass({ signal })).counts.damaged, 0);
  });

  it("leaves alone what was pushed again while it was looked at", async () => {
    const { here, there, store } = tested();
    const blob = large(6);
    await pushContent(here, blob);
    const [key = ""] = await segmentsOf(store, blob);
    await harmData(store, key, () => undefined);
    const taking = here.store.hold("save", /^rec\//);
    const scrub = scrubberOf(here).pass({ signal });
    await taking.arrived;
    await scrubberOf(there).pass({ signal });
    await pushContent(there, blob);
    await taking.proceed();
    await scrub;
    assert.ok((await readBlob(here.blobs, blob.digest)).equals(blob.bytes));
  });

  it("keeps a bounded amount for the operator", async () => {
    const { here, store } = tested();
    const blobs = Array.from({ length: 40 }, (_, seed) => large(100 + seed, 17_000));
    for (const blob of blobs) await pushContent(here, blob);
    for (const key of await allKeys(store, "data/")) {
      await harmData(store, key, harms["a flipped bit"] ?? (() => undefined));
    }
    assert.equal((await scrubberOf(here).pass({ signal })).counts.damaged, 40);
    assert.equal((await allKeys(store, layout.quarantine)).length, 32);
  });

  it("goes on where the last pass was, and begins anew behind its end", async () => {
    const { here } = tested();
    for (let seed = 0; seed < 6; seed += 1) await pushContent(here, contentOf(`blob ${seed}`));
    const scrubber = scrubberOf(here);
    const stop = new AbortController();
    const positions: string[] = [];
    const broken = scrubber.pass({
      signal: stop.signal,
      onProgress: async (position) => {
        positions.push(JSON.stringify(position));
        if (positions.length === 3) stop.abort(new Error("the server stops"));
      },
    });
    await assert.rejects(broken, /the server stops/);
    const from = JSON.parse(positions[2] ?? "");
    here.store.takeRequests();
    const { counts } = await scrubber.pass({ signal, from });
    assert.equal(counts.blobs, 6);
    const read = here.store.takeRequests().filter((request) => request.startsWith("load rec/"));
    assert.equal(read.length, 3);
  });

  it("stops where so much is damaged that the disk itself must be missing", async () => {
    const { here, store } = tested();
    for (let seed = 0; seed < 130; seed += 1) {
      await pushContent(here, contentOf(pattern(17_000, seed)));
    }
    for (const key of await allKeys(store, "data/")) await store.delete(key);
    await assert.rejects(scrubberOf(here).pass({ signal }), TooMuchDamage);
    const gone = (await allKeys(store, layout.records)).length;
    let live = 0;
    for (const key of await allKeys(store, layout.records)) {
      if ((await store.load(key))?.bytes.includes('"live"')) live += 1;
    }
    assert.equal(live, gone - 100);
  });
});
