/**
 * Pushes beside each other and beside the collector, in the orders that break simpler protocols.
 *
 * The orders come from the table of violating schedules behind the storage protocol; the collector's
 * part is played by hand.
 */
import assert from "node:assert/strict";
import { it } from "node:test";
import type { Digest } from "../../src/oci/digest.ts";
import { BlobUnknown } from "../../src/oci/registry-error.ts";
import { StoreUnavailable } from "../../src/storage/store-error.ts";
import { allKeys } from "../storage/bytes.ts";
import { CollectorByHand } from "./collector-by-hand.ts";
import { contentOf, large, noBody, pushContent, readBlob, repository } from "./content.ts";
import { describeRegistry } from "./registry-under-test.ts";

const blob = large(1);
const small = contentOf("inline");
const record = /^rec\//;

describeRegistry("pushes of one blob", (tested) => {
  const dataKeys = (): Promise<string[]> => allKeys(tested().store, "data/");
  const collector = (): CollectorByHand => new CollectorByHand(tested().store);
  const here = (digest: Digest): Promise<boolean> => tested().there.blobs.exists(digest);

  const whole = async (): Promise<void> => {
    for (const { blobs } of [tested().here, tested().there]) {
      assert.ok((await readBlob(blobs, blob.digest)).equals(blob.bytes));
    }
    assert.equal((await dataKeys()).length, 1);
  };

  it("reads the record before it writes any data", async () => {
    const { store, blobs } = tested().here;
    await blobs.push(blob.digest, blob.body());
    const order = store.takeRequests().map((request) => request.split("/")[0]);
    const steps = order.filter((request) => !request?.startsWith("append"));
    assert.deepEqual(steps, ["load rec", "stage data", "commit data", "save rec"]);
  });

  it("keeps one of two copies that are pushed at the same time", async () => {
    const slow = tested().here.store.hold("save", record);
    const first = pushContent(tested().here, blob);
    await slow.arrived;
    await pushContent(tested().there, blob);
    assert.equal((await dataKeys()).length, 2);
    await slow.proceed();
    await first;
    await whole();
  });

  it("takes two small copies at the same time", async () => {
    const slow = tested().here.store.hold("save", record);
    const first = pushContent(tested().here, small);
    await slow.arrived;
    await pushContent(tested().there, small);
    await slow.proceed();
    await first;
    assert.ok((await readBlob(tested().there.blobs, small.digest)).equals(small.bytes));
  });

  it("keeps its data when the answer to publishing it was lost", async () => {
    const lost = tested().here.store.hold("save", record);
    const pushed = pushContent(tested().here, blob);
    await lost.loseAnswer();
    await pushed;
    await whole();
  });

  it("publishes the same data again when the first request never arrived", async () => {
    const lost = tested().here.store.hold("save", record);
    const pushed = pushContent(tested().here, blob);
    await lost.drop();
    await pushed;
    await whole();
  });

  it("does not let a publication land that was repeated long ago", async () => {
    const delayed = tested().here.store.hold("save", record);
    const pushed = pushContent(tested().here, blob);
    const land = await delayed.delay();
    await pushed;
    await collector().condemn(blob.digest);
    await collector().collect(blob.digest);
    assert.equal(await land(), "refused");
    assert.equal(await here(blob.digest), false);
    await pushContent(tested().there, blob);
    await whole();
  });

  it("drops its own data, not the other's, when it was overtaken on the way", async () => {
    const delayed = tested().here.store.hold("save", record);
    const pushed = pushContent(tested().here, blob);
    const again = tested().here.store.hold("save", record);
    const land = await delayed.delay();
    await again.arrived;
    await pushContent(tested().there, blob);
    await again.proceed();
    await pushed;
    assert.equal(await land(), "refused");
    await whole();
  });

  it("never offers data again after a sweeper may have deleted it", async () => {
    const publishing = tested().here.store.hold("save", record);
    const pushed = pushContent(tested().here, blob);
    await publishing.arrived;
    const [orphan] = await dataKeys();
    await collector().sweep(blob.digest, orphan);
    await publishing.proceed();
    await assert.rejects(pushed, StoreUnavailable);
    assert.equal(await here(blob.digest), false);
    assert.deepEqual(await dataKeys(), []);
    await pushContent(tested().here, blob);
    await whole();
  });

  it("stores small content although another orphan of it was swept meanwhile", async () => {
    const publishing = tested().here.store.hold("save", record);
    const pushed = pushContent(tested().here, small);
    await publishing.arrived;
    await collector().sweep(small.digest);
    await publishing.proceed();
    await pushed;
    assert.ok((await readBlob(tested().there.blobs, small.digest)).equals(small.bytes));
  });

  it("names no data again that was collected while the answer to publishing it was lost", async () => {
    const publishing = tested().here.store.hold("save", record);
    const pushed = pushContent(tested().here, blob);
    await publishing.arrived;
    const looking = tested().here.store.hold("load", record);
    await publishing.loseAnswer();
    await looking.arrived;
    await collector().condemn(blob.digest);
    await collector().collect(blob.digest);
    await looking.proceed();
    await pushed.catch((error) => assert.ok(error instanceof StoreUnavailable));
    assert.equal((await collector().record(blob.digest))?.state, "gone");
    await assert.rejects(tested().there.blobs.open(blob.digest), BlobUnknown);
  });

  it("rescues a condemned blob instead of storing it again", async () => {
    for (const content of [blob, small]) {
      await pushContent(tested().here, content);
      await collector().condemn(content.digest);
      await pushContent(tested().there, content);
      assert.equal((await collector().record(content.digest))?.state, "live");
      assert.ok((await readBlob(tested().here.blobs, content.digest)).equals(content.bytes));
    }
    await whole();
  });

  it("rescues a blob that is condemned while its second copy is on the way", async () => {
    const publishing = tested().here.store.hold("save", record);
    const pushed = pushContent(tested().here, blob);
    await publishing.arrived;
    await pushContent(tested().there, blob);
    await collector().condemn(blob.digest);
    await publishing.proceed();
    await pushed;
    assert.equal((await collector().record(blob.digest))?.state, "live");
    await whole();
  });

  it("rescues what it says is here, also when the rescue's answer is lost", async () => {
    await pushContent(tested().here, blob);
    await collector().condemn(blob.digest);
    const rescuing = tested().here.store.hold("save", record);
    const found = tested().here.blobs.exists(blob.digest);
    await rescuing.loseAnswer();
    assert.equal(await found, true);
    assert.equal((await collector().record(blob.digest))?.state, "live");
  });

  it("does not say that a blob is here which the collector takes at that moment", async () => {
    await pushContent(tested().here, blob);
    await collector().condemn(blob.digest);
    const rescuing = tested().here.store.hold("save", record);
    const found = tested().here.blobs.exists(blob.digest);
    await rescuing.arrived;
    await collector().collect(blob.digest);
    await rescuing.proceed();
    assert.equal(await found, false);
    assert.equal((await collector().record(blob.digest))?.state, "gone");
  });

  it("lets two clients rescue a blob at the same time", async () => {
    await pushContent(tested().here, small);
    await collector().condemn(small.digest);
    const rescuing = tested().here.store.hold("save", record);
    const first = tested().here.blobs.exists(small.digest);
    await rescuing.arrived;
    assert.equal(await tested().there.blobs.exists(small.digest), true);
    await rescuing.proceed();
    assert.equal(await first, true);
    assert.ok((await readBlob(tested().here.blobs, small.digest)).equals(small.bytes));
  });

  it("does not rescue what is only read", async () => {
    await pushContent(tested().here, blob);
    await collector().condemn(blob.digest);
    await whole();
    assert.equal((await collector().record(blob.digest))?.state, "condemned");
  });

  it("brings a collected blob back under new data", async () => {
    await pushContent(tested().here, blob);
    const before = await dataKeys();
    await collector().condemn(blob.digest);
    await collector().collect(blob.digest);
    await assert.rejects(tested().here.blobs.open(blob.digest), BlobUnknown);
    await pushContent(tested().here, blob);
    await whole();
    assert.notDeepEqual(await dataKeys(), before);
  });
});

describeRegistry("a push by session beside the collector", (tested) => {
  const collector = (): CollectorByHand => new CollectorByHand(tested().store);

  const uploaded = async (): Promise<string> => {
    const { uploads } = tested().here;
    const id = await uploads.start(repository);
    await uploads.append(repository, id, { body: blob.body() });
    return id;
  };

  it("reads the record before it announces what it publishes", async () => {
    const { store, uploads } = tested().here;
    const id = await uploaded();
    store.takeRequests();
    await uploads.finish(repository, id, blob.digest, { body: noBody(), length: 0 });
    const order = store.takeRequests().map((request) => request.split("/")[0]);
    assert.deepEqual(order.slice(-4), ["load rec", "save session", "save rec", "save session"]);
  });

  it("refuses, and asks for the blob again, when the record moved meanwhile", async () => {
    const id = await uploaded();
    const publishing = tested().here.store.hold("save", record);
    const finished = tested().here.uploads.finish(repository, id, blob.digest, {
      body: noBody(),
      length: 0,
    });
    await publishing.arrived;
    await collector().sweep(blob.digest);
    await publishing.proceed();
    await assert.rejects(finished, { code: "BLOB_UPLOAD_INVALID" });
    assert.equal(await tested().there.blobs.exists(blob.digest), false);
    assert.deepEqual(await allKeys(tested().store, "data/"), []);
  });

  it("rescues the blob when it finds it condemned at the end", async () => {
    const id = await uploaded();
    await pushContent(tested().there, blob);
    await collector().condemn(blob.digest);
    await tested().here.uploads.finish(repository, id, blob.digest, { body: noBody(), length: 0 });
    assert.equal((await collector().record(blob.digest))?.state, "live");
    assert.equal((await allKeys(tested().store, "data/")).length, 1);
    assert.ok((await readBlob(tested().there.blobs, blob.digest)).equals(blob.bytes));
  });
});
