/** Uploads in parts whose writers have died: watched by this process for a while, then ended. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import type { UnfinishedUpload, UnfinishedUploads } from "../../src/storage/object-store.ts";
import { StoreUnavailable } from "../../src/storage/store-error.ts";
import { CollectorUnderTest } from "./collector-under-test.ts";

const orphanMs = 100;

/** A bucket's list of them. */
class Leftovers implements UnfinishedUploads {
  uploads: UnfinishedUpload[] = [];
  away = false;

  async unfinished(): Promise<readonly UnfinishedUpload[]> {
    if (this.away) throw new StoreUnavailable("list uploads");
    return [...this.uploads];
  }

  async discardUnfinished({ id, key }: UnfinishedUpload): Promise<void> {
    if (this.away) throw new StoreUnavailable("abort");
    this.uploads = this.uploads.filter((one) => one.id !== id || one.key !== key);
  }
}

function collecting() {
  const leftovers = new Leftovers();
  const played = { time: 1000 };
  const clock = (): number => played.time;
  const settings = { ages: { orphanMs }, unfinished: leftovers, clock };
  return { leftovers, played, collector: new CollectorUnderTest(new MemoryStore(), settings) };
}

describe("unfinished uploads of a bucket", () => {
  it("are ended when they were watched for long enough, and younger ones are not", async () => {
    const { leftovers, played, collector } = collecting();
    leftovers.uploads = [{ key: "data/a", id: "1" }];
    await collector.cycle();
    played.time += orphanMs - 1;
    leftovers.uploads.push({ key: "data/a", id: "2" });
    assert.equal((await collector.cycle()).orphans, 0);
    played.time += 1;
    assert.equal((await collector.cycle()).orphans, 1);
    assert.deepEqual(leftovers.uploads, [{ key: "data/a", id: "2" }]);
    played.time += orphanMs;
    await collector.cycle();
    assert.deepEqual(leftovers.uploads, []);
  });

  it("stay in a dry run", async () => {
    const { leftovers, played, collector } = collecting();
    leftovers.uploads = [{ key: "data/a", id: "1" }];
    await collector.cycle();
    played.time += orphanMs;
    await collector.cycle(true);
    assert.equal(leftovers.uploads.length, 1);
  });

  it("do not end the cycle when they cannot be listed, and keep their age", async () => {
    const { leftovers, played, collector } = collecting();
    leftovers.uploads = [{ key: "data/a", id: "1" }];
    await collector.cycle();
    leftovers.away = true;
    played.time += orphanMs;
    const { phase, failures } = await collector.cycle();
    assert.deepEqual([phase, failures], ["over", 1]);
    leftovers.away = false;
    await collector.cycle();
    assert.deepEqual(leftovers.uploads, []);
  });
});
