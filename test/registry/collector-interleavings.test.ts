/**
 * The collector beside clients, in the orders that break simpler protocols: the violating schedules
 * of the storage protocol's table, played with the real code on both sides.
 *
 * All ages are zero where a test does not say otherwise: nothing acknowledged may depend on them.
 */
import assert from "node:assert/strict";
import { it } from "node:test";
import type { Digest } from "../../src/oci/digest.ts";
import type { BlobRecord } from "../../src/registry/blob-record.ts";
import { layout } from "../../src/registry/layout.ts";
import type { ManifestLink } from "../../src/registry/manifest-link.ts";
import { ManifestBlobUnknown, UploadUnknown } from "../../src/registry/registry-errors.ts";
import { StoreFull, StoreUnavailable } from "../../src/storage/store-error.ts";
import { allKeys } from "../storage/bytes.ts";
import { CollectorByHand } from "./collector-by-hand.ts";
import { type CollectorSettings, CollectorUnderTest } from "./collector-under-test.ts";
import {
  imageOf,
  large,
  noBody,
  pushContent,
  pushImage,
  pushParts,
  readBlob,
  repository,
} from "./content.ts";
import { describeRegistry, type RegistryUnderTest } from "./registry-under-test.ts";

const blob = large(1);
// Schema 2 has no twin, so one put is one link.
const image = imageOf(1, { format: "docker" });
const rec = /^rec\//;
const data = /^data\//;
const link = /^link\//;

function questions(tested: () => RegistryUnderTest) {
  const read = async <T>(key: string) => (await tested().there.documents.read<T>(key))?.value;
  return {
    collector: (settings: CollectorSettings = {}) =>
      new CollectorUnderTest(tested().store, settings),
    stateOf: async (digest: Digest) => (await read<BlobRecord>(layout.record(digest)))?.state,
    linkState: async () =>
      (await read<ManifestLink>(layout.link(repository, image.manifest.digest)))?.state,
    dataKeys: () => allKeys(tested().store, "data/"),
    wholeBlob: async () =>
      assert.ok((await readBlob(tested().there.blobs, blob.digest)).equals(blob.bytes)),
    wholeImage: async () => {
      const { manifests, blobs } = tested().there;
      await manifests.find(repository, { digest: image.manifest.digest });
      for (const { digest, bytes } of [image.config, ...image.layers]) {
        assert.ok((await readBlob(blobs, digest)).equals(bytes));
      }
    },
  };
}

describeRegistry("a push beside the sweeper", (tested) => {
  const { collector, stateOf, dataKeys, wholeBlob } = questions(tested);

  it("a1, a4: is refused when its data was fenced before it is published", async () => {
    const publishing = tested().here.store.hold("save", rec);
    const pushed = pushContent(tested().here, blob);
    await publishing.arrived;
    const sweeper = collector();
    const deleting = sweeper.store.hold("delete", data);
    const cycle = sweeper.cycle();
    await deleting.arrived;
    await publishing.proceed();
    await assert.rejects(pushed, StoreUnavailable);
    await deleting.proceed();
    await cycle;
    assert.equal(await stateOf(blob.digest), "gone");
    await pushContent(tested().there, blob);
    await wholeBlob();
  });

  it("a1: keeps its data when it is published while the sweeper is about to fence", async () => {
    const publishing = tested().here.store.hold("save", rec);
    const pushed = pushContent(tested().here, blob);
    await publishing.arrived;
    const sweeper = collector();
    const fencing = sweeper.store.hold("save", rec);
    const cycle = sweeper.cycle();
    await fencing.arrived;
    await publishing.proceed();
    await pushed;
    await fencing.proceed();
    await cycle;
    assert.equal((await dataKeys()).length, 1);
    await wholeBlob();
  });

  it("a4: is refused also when the fence's answer was lost", async () => {
    const publishing = tested().here.store.hold("save", rec);
    const pushed = pushContent(tested().here, blob);
    await publishing.arrived;
    const sweeper = collector();
    const fencing = sweeper.store.hold("save", rec);
    const cycle = sweeper.cycle();
    await fencing.loseAnswer();
    await cycle;
    assert.deepEqual(await dataKeys(), []);
    await publishing.proceed();
    await assert.rejects(pushed, StoreUnavailable);
  });

  it("a5: never offers data again that the sweeper is about to delete", async () => {
    const publishing = tested().here.store.hold("save", rec);
    const pushed = pushContent(tested().here, blob);
    await publishing.arrived;
    const sweeper = collector();
    const deleting = sweeper.store.hold("delete", data);
    const cycle = sweeper.cycle();
    await deleting.arrived;
    await publishing.proceed();
    await pushed.catch(() => undefined);
    assert.equal(await stateOf(blob.digest), "gone");
    await deleting.proceed();
    await cycle;
  });

  it("d1: does not come back to data that was collected while its answer was lost", async () => {
    const publishing = tested().here.store.hold("save", rec);
    const pushed = pushContent(tested().here, blob);
    await publishing.arrived;
    const looking = tested().here.store.hold("load", rec);
    await publishing.loseAnswer();
    await looking.arrived;
    const gc = collector();
    await gc.cycle();
    const deleting = gc.store.hold("delete", data);
    const cycle = gc.cycle();
    await deleting.arrived;
    await looking.proceed();
    await pushed.catch((error) => assert.ok(error instanceof StoreUnavailable));
    await deleting.proceed();
    await cycle;
    assert.equal(await stateOf(blob.digest), "gone");
    assert.deepEqual(await dataKeys(), []);
  });

  it("d2: keeps its data when its answer comes after many others have written", async () => {
    const publishing = tested().here.store.hold("save", rec);
    const pushed = pushContent(tested().here, blob);
    await publishing.arrived;
    const looking = tested().here.store.hold("load", rec);
    await publishing.loseAnswer();
    await looking.arrived;
    const others = new CollectorByHand(tested().store);
    for (let turn = 0; turn < 35; turn += 1) {
      await others.condemn(blob.digest);
      await tested().there.blobs.exists(blob.digest);
    }
    await looking.proceed();
    await pushed;
    await wholeBlob();
  });

  it("e1: loses its data when the answer to gone is lost, as it is gone", async () => {
    await pushContent(tested().here, blob);
    const gc = collector();
    await gc.cycle();
    const going = gc.store.hold("save", rec);
    const cycle = gc.cycle();
    await going.loseAnswer();
    await cycle;
    assert.equal(await stateOf(blob.digest), "gone");
    assert.deepEqual(await dataKeys(), []);
  });

  it("e2: keeps its data when it was rescued and gone only seemed to be done", async () => {
    await pushContent(tested().here, blob);
    const gc = collector();
    await gc.cycle();
    const going = gc.store.hold("save", rec);
    const looking = gc.store.hold("load", rec); // for the second cycle's read of the record
    const cycle = gc.cycle();
    await looking.proceed();
    const checking = gc.store.hold("load", rec);
    await going.drop();
    await checking.arrived;
    assert.equal(await tested().there.blobs.exists(blob.digest), true);
    await checking.proceed();
    await cycle;
    assert.equal(await stateOf(blob.digest), "live");
    await wholeBlob();
  });

  it("finishes what a collector left that was killed between gone and the delete", async () => {
    await pushContent(tested().here, blob);
    const gc = collector();
    await gc.cycle();
    const deleting = gc.store.hold("delete", data);
    const left = gc.cycle();
    await deleting.arrived;
    await collector().cycles(2);
    assert.deepEqual(await dataKeys(), []);
    await deleting.drop();
    await left;
  });
});

describeRegistry("an upload session beside the sweeper", (tested) => {
  const { collector, stateOf, dataKeys, wholeBlob } = questions(tested);

  const uploaded = async (): Promise<string> => {
    const { uploads } = tested().here;
    const id = await uploads.start(repository);
    await uploads.append(repository, id, { body: blob.body() });
    return id;
  };
  const finish = (id: string): Promise<void> =>
    tested().here.uploads.finish(repository, id, blob.digest, { body: noBody(), length: 0 });

  it("s1: is over when the sweeper ends it before it is announced", async () => {
    const id = await uploaded();
    const announcing = tested().here.store.hold("save", /^session\//);
    const finished = finish(id);
    await announcing.arrived;
    const sweeper = collector();
    const deleting = sweeper.store.hold("delete", data);
    const cycle = sweeper.cycle();
    await deleting.arrived;
    await announcing.proceed();
    await assert.rejects(finished, UploadUnknown);
    await deleting.proceed();
    await cycle;
    assert.equal(await stateOf(blob.digest), undefined);
  });

  it("s2: is refused when it was announced and the sweeper has moved the record", async () => {
    const id = await uploaded();
    const publishing = tested().here.store.hold("save", rec);
    const finished = finish(id);
    await publishing.arrived;
    const sweeper = collector();
    const deleting = sweeper.store.hold("delete", data);
    const cycle = sweeper.cycle();
    await deleting.arrived;
    await publishing.proceed();
    await assert.rejects(finished, { code: "BLOB_UPLOAD_INVALID" });
    await deleting.proceed();
    await cycle;
    assert.equal(await stateOf(blob.digest), "gone");
    assert.deepEqual(await dataKeys(), []);
  });

  it("s2: is refused also when another sweeper has closed it, and this one looks later", async () => {
    const id = await uploaded();
    const publishing = tested().here.store.hold("save", rec);
    const finished = finish(id);
    await publishing.arrived;
    const first = collector();
    const fencing = first.store.hold("save", rec);
    const stalled = first.cycle();
    await fencing.arrived; // closed, not fenced
    await collector().cycles(2);
    await publishing.proceed();
    await finished.catch((error) => assert.equal(error.code, "BLOB_UPLOAD_INVALID"));
    await fencing.proceed();
    await stalled;
    if ((await stateOf(blob.digest)) === "live") await wholeBlob();
    else assert.deepEqual(await dataKeys(), []);
  });

  it("keeps what was published although the session is forgotten", async () => {
    const { uploads, manifests } = tested().here;
    const [small, layer = image.config] = image.layers;
    for (const part of [image.config, small]) if (part) await pushContent(tested().here, part);
    const id = await uploads.start(repository);
    await uploads.append(repository, id, { body: layer.body() });
    await uploads.finish(repository, id, layer.digest, { body: noBody(), length: 0 });
    await manifests.put(repository, image.manifest);
    await collector().cycles();
    assert.deepEqual(await allKeys(tested().store, "session/"), []);
    // Another one has never seen the session, nor read the record: it has a mark.
    await collector().cycles();
    assert.ok((await readBlob(tested().there.blobs, layer.digest)).equals(layer.bytes));
  });

  it("is not taken for over when it begins while the sweeper lists", async () => {
    const sweeper = collector();
    const listing = sweeper.store.hold("list", data);
    const cycle = sweeper.cycle();
    await listing.arrived; // sessions were listed
    const id = await uploaded();
    await listing.proceed();
    await cycle;
    await finish(id);
    await wholeBlob();
  });

  it("forgets no session whose announced data is undecided", async () => {
    const id = await uploaded();
    const publishing = tested().here.store.hold("save", rec);
    const finished = finish(id);
    await publishing.arrived;
    const killed = collector();
    const fencing = killed.store.hold("save", rec);
    const left = killed.cycle();
    await fencing.refuse(new StoreFull()); // the session is closed, its data not fenced
    await left;
    let now = 0;
    const ages = { orphanMs: 10, uploadLifeMs: 5, settleMs: 1000 };
    const sweeper = collector({ ages, clock: () => now });
    const listing = sweeper.store.hold("list", data);
    const first = sweeper.cycle(); // sees the session at 0, its data at 5
    await listing.arrived;
    now = 5;
    await listing.proceed();
    await first;
    for (now of [12, 20, 40]) await sweeper.cycle();
    await publishing.proceed();
    await finished.catch((error) => assert.equal(error.code, "BLOB_UPLOAD_INVALID"));
    if ((await stateOf(blob.digest)) === "live") await wholeBlob();
  });

  it("goes on for as long as it makes progress, and ends when it stopped", async () => {
    let now = 0;
    const ages = { orphanMs: 10, uploadLifeMs: 10 };
    const sweeper = collector({ ages, clock: () => now });
    const { uploads } = tested().here;
    const id = await uploads.start(repository);
    for (; now < 40; now += 8) {
      await uploads.append(repository, id, { body: blob.body() });
      await sweeper.cycle();
    }
    const before = await dataKeys();
    assert.equal(before.length, 5);
    await sweeper.cycle();
    now += 11;
    await sweeper.cycle();
    assert.deepEqual(await dataKeys(), []);
    await assert.rejects(uploads.append(repository, id, { body: blob.body() }), UploadUnknown);
    await sweeper.cycle();
    now += 21;
    await sweeper.cycle();
    assert.deepEqual(await allKeys(tested().store, "session/"), []);
  });

  it("keeps an ended session for longer than its id is valid", async () => {
    let now = 0;
    const sweeper = collector({ ages: { uploadLifeMs: 100 }, clock: () => now });
    const id = await uploaded();
    await tested().here.uploads.cancel(repository, id);
    await sweeper.cycle();
    now = 199;
    await sweeper.cycle();
    await assert.rejects(uploadAgain(id), UploadUnknown);
    now = 200;
    await sweeper.cycle();
    assert.deepEqual(await allKeys(tested().store, "session/"), []);
  });

  const uploadAgain = (id: string): Promise<number> =>
    tested().there.uploads.append(repository, id, { body: blob.body() });
});

describeRegistry("a manifest beside the collector", (tested) => {
  const { collector, stateOf, linkState, wholeImage } = questions(tested);
  const { digest } = image.manifest;
  const put = () => tested().here.manifests.put(repository, image.manifest);
  const [layer = image.config] = image.layers;

  it("b1: is refused, and never visible, when it stalled behind its checks until it expired", async () => {
    await pushParts(tested().here, image);
    const pending = tested().here.store.hold("save", link);
    const committing = tested().here.store.hold("save", link);
    const stalled = put();
    await pending.proceed();
    await committing.arrived;
    await collector().cycles();
    assert.equal(await linkState(), "deleted");
    await committing.proceed();
    await assert.rejects(stalled, ManifestBlobUnknown);
    assert.notEqual(await linkState(), "committed");
  });

  it("b1: keeps its content while it is pending", async () => {
    let now = 0;
    const gc = collector({ ages: { graceMs: 10 }, clock: () => now });
    await pushParts(tested().here, image);
    const pending = tested().here.store.hold("save", link);
    const committing = tested().here.store.hold("save", link);
    const stalled = put();
    await pending.proceed();
    await committing.arrived;
    await gc.cycle();
    now = 10;
    const expiring = gc.store.hold("save", link);
    const cycle = gc.cycle();
    await expiring.arrived;
    await committing.proceed();
    await stalled;
    await expiring.proceed();
    await cycle;
    await wholeImage();
    assert.equal(await linkState(), "committed");
  });

  it("b2: is checked behind its root, so that what is taken in between is missed", async () => {
    await pushParts(tested().here, image);
    const pending = tested().here.store.hold("save", link);
    const stalled = put();
    await pending.arrived;
    await collector().cycles(2);
    await pending.proceed();
    await assert.rejects(stalled, ManifestBlobUnknown);
    assert.equal(await linkState(), "deleted");
  });

  it("c1: is whole when two collectors scanned before it came, and one sees the other's work", async () => {
    await pushParts(tested().here, image);
    const [one, other] = [collector(), collector()];
    const held = [one, other].map(({ store }) => store.hold("list", rec));
    const cycles = [one.cycle(), other.cycle()];
    for (const listing of held) await listing.arrived; // both have seen no link
    await put();
    await held[1]?.proceed();
    await cycles[1];
    assert.equal(await stateOf(layer.digest), "condemned");
    await held[0]?.proceed();
    await cycles[0];
    await wholeImage();
    await one.cycles(2);
    assert.equal(await stateOf(layer.digest), "live");
    await wholeImage();
  });

  it("c1: is whole when it came between the scan and gone", async () => {
    await pushParts(tested().here, image);
    const gc = collector();
    await gc.cycle();
    const listing = gc.store.hold("list", rec);
    const cycle = gc.cycle();
    await listing.arrived;
    await put();
    await listing.proceed();
    await cycle;
    await wholeImage();
  });

  it("rescues what is condemned while gone is on its way", async () => {
    await pushParts(tested().here, image);
    const gc = collector();
    await gc.cycle();
    const going = gc.store.hold("save", new RegExp(`^${layout.record(layer.digest)}$`));
    const cycle = gc.cycle();
    await going.arrived;
    assert.equal(await tested().there.blobs.exists(layer.digest), true);
    await going.proceed();
    await cycle;
    assert.equal(await stateOf(layer.digest), "live");
  });

  it("g1, g2: stays when it is put again while the collector ends an older attempt", async () => {
    await pushParts(tested().here, image);
    const committing = tested().here.store.hold("save", link);
    const leaving = tested().here.store.hold("save", link);
    const left = put();
    await committing.proceed();
    await leaving.arrived;
    const gc = collector();
    const expiring = gc.store.hold("save", link);
    const cycle = gc.cycle();
    const land = await expiring.delay();
    await cycle;
    await pushImage(tested().there, image);
    assert.equal(await land(), "refused");
    await leaving.proceed();
    await left;
    await wholeImage();
  });

  it("keeps its word for as long as clients were promised", async () => {
    let now = 0;
    const gc = collector({ ages: { graceMs: 100, settleMs: 10 }, clock: () => now });
    await pushContent(tested().here, blob);
    const seen: (string | undefined)[] = [];
    for (now of [0, 9, 10, 109, 110]) {
      await gc.cycle();
      seen.push(await stateOf(blob.digest));
    }
    assert.deepEqual(seen, ["live", "live", "condemned", "condemned", "gone"]);
  });

  it("waits again after a restart, whatever others have condemned", async () => {
    let now = 0;
    const settings = { ages: { graceMs: 100 }, clock: () => now };
    await pushContent(tested().here, blob);
    await collector(settings).cycle();
    assert.equal(await stateOf(blob.digest), "condemned");
    now = 1000;
    const restarted = collector(settings);
    await restarted.cycle();
    assert.equal(await stateOf(blob.digest), "condemned");
    now = 1100;
    await restarted.cycle();
    assert.equal(await stateOf(blob.digest), "gone");
  });

  it("takes nothing when a root cannot be read", async () => {
    await pushImage(tested().here, image);
    await pushContent(tested().here, blob);
    const gc = collector();
    await gc.cycle();
    const key = layout.link(repository, digest);
    const loaded = await tested().store.load(key);
    assert.ok(loaded);
    const torn = loaded.bytes.subarray(0, 40);
    await tested().store.save(key, torn, { revision: loaded.revision });
    await assert.rejects(gc.cycle());
    await assert.rejects(gc.cycle());
    assert.equal(await stateOf(blob.digest), "condemned");
    assert.equal(await stateOf(layer.digest), "live");
  });

  it("frees everything below it when it is deleted, and a dry run only says so", async () => {
    await pushImage(tested().here, image);
    await tested().here.manifests.delete(repository, digest);
    const gc = collector();
    const dry = await gc.cycle(true);
    assert.equal(dry.unreferenced, 4);
    assert.equal(await stateOf(layer.digest), "live");
    await gc.cycles();
    for (const part of [image.config, ...image.layers, image.manifest]) {
      assert.equal(await stateOf(part.digest), "gone");
    }
    assert.deepEqual(await allKeys(tested().store, "data/"), []);
    assert.equal((await gc.cycle()).unreferenced, 0);
  });
});
