/** What processes know of the bytes that are stored: own writes at once, those of others by a document. */
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { Pace } from "../../../src/registry/collector/pace.ts";
import { StoredCount } from "../../../src/registry/usage/count-stored.ts";
import { MeteredStore } from "../../../src/registry/usage/metered-store.ts";
import { Quota } from "../../../src/registry/usage/quota.ts";
import { UsageJournal } from "../../../src/registry/usage/usage-journal.ts";
import { UsageMeter } from "../../../src/registry/usage/usage-meter.ts";
import { Documents } from "../../../src/storage/documents.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import { StoreWithinRoom } from "../../../src/storage/room.ts";
import { StoreFull } from "../../../src/storage/store-error.ts";

const { signal } = new AbortController();

/** One writing process, with a clock of the test. */
class Writer {
  readonly meter: UsageMeter;
  readonly store: MeteredStore;
  time = 0;

  constructor(inner: MemoryStore) {
    const journal = new UsageJournal(new Documents(inner));
    this.meter = new UsageMeter(journal, { clock: () => this.time });
    this.store = new MeteredStore(inner, this.meter);
  }

  async write(key: string, bytes: number): Promise<void> {
    const staged = await this.store.stage(key);
    await staged.append(Buffer.alloc(bytes));
    await staged.commit();
  }

  /** What it knows a second later; what it has written itself is told to the others by then. */
  async later(): Promise<number> {
    this.time += 1000;
    await this.meter.refresh();
    return this.meter.used;
  }
}

describe("the bytes that are stored", () => {
  let inner: MemoryStore;
  let one: Writer;
  let other: Writer;
  let count: StoredCount;

  beforeEach(() => {
    inner = new MemoryStore();
    one = new Writer(inner);
    other = new Writer(inner);
    count = new StoredCount(inner, new UsageJournal(new Documents(inner)));
  });

  const take = (): Promise<number> => count.take({ pace: new Pace(), signal, recorded: true });

  it("are known to the writer at once and to others a second later", async () => {
    await one.write("data/a", 100);
    assert.equal(one.meter.used, 100);
    await one.later();
    assert.equal(await other.later(), 100);
    await other.write("data/b", 11);
    assert.equal(other.meter.used, 111);
    await other.later();
    assert.equal(await one.later(), 111);
    await one.meter.end();
    await other.meter.end();
  });

  it("include uploads that are still under way, until they are given up", async () => {
    const staged = await one.store.stage("data/a");
    await staged.append(Buffer.alloc(70));
    assert.equal(await one.later(), 70);
    assert.equal(await other.later(), 70);
    await staged.append(Buffer.alloc(7));
    await staged.abort();
    await staged.abort();
    assert.equal(one.meter.used, 0);
    await one.later();
    assert.equal(await other.later(), 0);
  });

  it("lose what its writer has deleted again", async () => {
    await one.write("data/a", 100);
    await one.later();
    await one.store.delete("data/a");
    await one.store.delete("data/a");
    assert.equal(one.meter.used, 0);
    await one.later();
    assert.equal(await other.later(), 0);
  });

  it("are what a count finds, and what was written since", async () => {
    await inner.save("rec/sha256/aa/aa", Buffer.alloc(5), { absent: true });
    await inner.save("quarantine/1", Buffer.alloc(6), { absent: true });
    await inner.save("tag/a/b", Buffer.alloc(1000), { absent: true });
    await one.write("data/a", 100);
    await one.later();
    assert.equal(one.meter.counted, false);
    assert.equal(await take(), 111);
    assert.equal(await other.later(), 111);
    assert.equal(other.meter.counted, true);
    await one.store.save("rec/sha256/bb/bb", Buffer.alloc(9), { absent: true });
    await one.store.save("tag/a/c", Buffer.alloc(1000), { absent: true });
    await one.later();
    assert.equal(await other.later(), 120);
    await inner.delete("data/a");
    assert.equal(await take(), 20);
    assert.equal(await one.later(), 20);
  });

  it("miss no upload that was under way while they were counted", async () => {
    await one.later();
    const staged = await one.store.stage("data/a");
    await staged.append(Buffer.alloc(70));
    await one.later();
    assert.equal(await take(), 0);
    await staged.append(Buffer.alloc(5));
    assert.equal(await one.later(), 5, "the others are told of what is new only");
    await staged.commit();
    assert.equal(one.meter.used, 75);
    await one.later();
    assert.equal(await other.later(), 75);
  });

  it("are not less than nothing when such an upload is given up", async () => {
    await one.later();
    await one.write("data/kept", 50);
    const staged = await one.store.stage("data/a");
    await staged.append(Buffer.alloc(70));
    await one.later();
    assert.equal(await take(), 50);
    await staged.append(Buffer.alloc(5));
    await staged.abort(); // before this process has heard of the count
    await one.later();
    assert.equal(await other.later(), 50);
  });

  it("are not deleted twice when a count came in between", async () => {
    await one.later();
    await one.write("data/a", 50);
    await one.write("data/b", 3);
    await one.later();
    await inner.delete("data/a");
    await take();
    await one.store.delete("data/a"); // again, as who has heard nothing may
    await one.later();
    assert.equal(await other.later(), 3);
  });

  it("stay as the later one of two counts has found them", async () => {
    const journal = new UsageJournal(new Documents(inner));
    const slow = await journal.beginCount();
    await one.write("data/a", 50);
    await one.later();
    await take();
    await journal.endCount(slow, 0);
    assert.equal(await other.later(), 50);
  });

  it("begin anew when their document is damaged", async () => {
    await one.write("data/a", 50);
    await one.later();
    const { revision } = (await inner.load("usage")) ?? assert.fail("there is no document");
    await inner.save("usage", Buffer.from("rubbish"), { revision });
    await one.write("data/b", 7);
    await one.later();
    await take();
    assert.equal(await other.later(), 57);
  });

  it("are not recorded by who only looks", async () => {
    await one.write("data/a", 50);
    assert.equal(await count.take({ pace: new Pace(), signal, recorded: false }), 50);
    assert.equal(await inner.load("usage"), undefined);
    await one.meter.end();
  });

  it("are told by a process before it ends", async () => {
    await one.write("data/a", 50);
    await one.meter.end();
    assert.equal(await other.later(), 50);
  });
});

describe("a quota", () => {
  it("refuses what does not fit, with the figures, and what comes when it is used up", async () => {
    const writer = new Writer(new MemoryStore());
    const quota = new Quota(100, writer.meter);
    await quota.require(100);
    await assert.rejects(quota.require(101), (error: unknown) => {
      assert.ok(error instanceof StoreFull);
      assert.match(error.message, /quota has room for 100 bytes, not for 101; remove packages/);
      assert.deepEqual(error.detail, { announcedBytes: 101, quotaBytes: 100, usedBytes: 0 });
      return true;
    });
    const levels = [];
    for (const bytes of [89, 1, 9, 1]) {
      await writer.write(`data/${levels.length}`, bytes);
      levels.push((await quota.state()).level);
    }
    assert.deepEqual(levels, ["enough", "low", "low", "full"]);
    await assert.rejects(quota.require(), /quota is used up/);
    await writer.meter.end();
  });

  it("stops an upload in the middle, and gives its bytes back", async () => {
    const writer = new Writer(new MemoryStore());
    const quota = new Quota(100, writer.meter);
    const store = new StoreWithinRoom(writer.store, quota);
    const staged = await store.stage("data/a");
    await staged.append(Buffer.alloc(60));
    await staged.append(Buffer.alloc(60));
    await assert.rejects(staged.append(Buffer.alloc(1)), StoreFull);
    await assert.rejects(store.stage("data/b"), StoreFull);
    await store.save("doc", Buffer.from("tombstone"), { absent: true });
    await staged.abort();
    await quota.require(100);
    await writer.meter.end();
  });

  it("learns of other writers in the middle of an upload", async () => {
    const inner = new MemoryStore();
    const [one, other] = [new Writer(inner), new Writer(inner)];
    const staged = await new StoreWithinRoom(one.store, new Quota(100, one.meter)).stage("data/a");
    await other.write("data/b", 100);
    await other.later();
    one.time += 1000;
    await staged.append(Buffer.from("asks, and does not wait for the answer"));
    await one.meter.refresh();
    await assert.rejects(staged.append(Buffer.from("refused")), StoreFull);
    await staged.abort();
    await one.meter.end();
  });
});
