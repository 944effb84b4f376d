/** The free-space floor: who is refused, when, and how seldom the system is asked. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  DiskRoom,
  type DiskSpace,
  defaultFloor,
  diskSpaceOf,
} from "../../src/storage/disk-room.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { roomInAll, StoreWithinRoom } from "../../src/storage/room.ts";
import { StoreFull } from "../../src/storage/store-error.ts";

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;

/** A disk and a clock that a test moves. */
function disk(space: Partial<DiskSpace>, floor?: number) {
  const now = { free: 100, total: 1000, freeFiles: 0, totalFiles: 0, ...space };
  const played = { now: now as { free: number; freeFiles: number }, asked: 0, time: 0 };
  const room = new DiskRoom({
    measure: async () => {
      played.asked += 1;
      return { ...now };
    },
    clock: () => played.time,
    ...(floor !== undefined && { floor }),
  });
  return { room, played };
}

describe("a free-space floor", () => {
  it("follows the size of the disk unless it is given", async () => {
    assert.equal(defaultFloor(100 * gibibyte), 2 * gibibyte);
    assert.equal(defaultFloor(20 * gibibyte), gibibyte);
    assert.equal(defaultFloor(100 * 1024 * gibibyte), 10 * gibibyte);
    assert.equal(defaultFloor(640 * mebibyte), 64 * mebibyte);
    assert.equal((await disk({}, 7).room.state()).floor, 7);
  });

  it("takes what fits above it and refuses what does not, with the figures", async () => {
    const { room } = disk({ free: 150 });
    await room.require();
    await room.require(50);
    await assert.rejects(room.require(51), (error: unknown) => {
      assert.ok(error instanceof StoreFull);
      assert.match(error.message, /room for 50 bytes, not for 51; remove packages or add space/);
      assert.deepEqual(error.detail, { announcedBytes: 51, freeBytes: 150, floorBytes: 100 });
      return true;
    });
  });

  it("warns before it is reached and refuses everything below it", async () => {
    const { room, played } = disk({ free: 200 });
    const levels = [];
    for (const free of [200, 199, 100, 99, 0]) {
      played.now.free = free;
      played.time += 1000;
      levels.push((await room.state()).level);
    }
    assert.deepEqual(levels, ["enough", "low", "low", "full", "full"]);
    await assert.rejects(room.require(), StoreFull);
  });

  it("counts files as well, where the disk does", async () => {
    const { room, played } = disk({ free: 1000, freeFiles: 999, totalFiles: 100_000 });
    await assert.rejects(room.require(), StoreFull);
    played.now.freeFiles = 1000;
    played.time += 1000;
    assert.equal((await room.state()).level, "low");
  });

  it("is no floor when it is 0", async () => {
    const { room } = disk({ free: 1, freeFiles: 1, totalFiles: 100 }, 0);
    await room.require(1);
    await assert.rejects(room.require(2), StoreFull);
  });

  it("asks the system once a second, whoever asks", async () => {
    const { room, played } = disk({ free: 150 });
    await Promise.all([room.require(), room.require(), room.state()]);
    await room.require();
    assert.equal(played.asked, 1);
    played.time += 999;
    await room.require();
    assert.equal(room.refusal(), undefined);
    assert.equal(played.asked, 1);
    played.time += 1;
    await room.require();
    assert.equal(played.asked, 2);
  });

  it("reads the figures of a real disk", async () => {
    const { free, total } = await diskSpaceOf(import.meta.dirname);
    assert.ok(free > 0 && total >= free);
  });
});

describe("a store within room", () => {
  it("stops data in the middle and takes documents all the same", async () => {
    const { room, played } = disk({ free: 150 });
    const inner = new MemoryStore();
    const store = new StoreWithinRoom(inner, roomInAll([room]));
    const staged = await store.stage("data/one");
    await staged.append(Buffer.from("first"));
    played.now.free = 99;
    played.time += 1000;
    await assert.rejects(room.require(), StoreFull);
    await assert.rejects(staged.append(Buffer.from("second")), StoreFull);
    await staged.abort();
    await assert.rejects(store.stage("data/two"), StoreFull);
    await store.save("doc", Buffer.from("tombstone"), { absent: true });
    await store.delete("doc");
    assert.deepEqual((await inner.list("")).keys, []);
  });

  it("learns in the background while an upload goes on", async () => {
    const { room, played } = disk({ free: 150 });
    const staged = await new StoreWithinRoom(new MemoryStore(), room).stage("data/one");
    played.now.free = 0;
    played.time += 1000;
    await staged.append(Buffer.from("asks, and does not wait for the answer"));
    await room.state();
    await assert.rejects(staged.append(Buffer.from("refused")), StoreFull);
  });
});
