/** What stands around a store keeps its contract and tells the truth about it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MeasuredStore, type StoreObserver } from "../../src/storage/measured-store.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { StoreWithinRoom } from "../../src/storage/room.ts";
import { ObjectNotFound, PreconditionFailed, StoreFull } from "../../src/storage/store-error.ts";
import { collect, pattern, writeData } from "./bytes.ts";
import { describeObjectStore } from "./object-store-contract.ts";
import { openMemory } from "./store-under-test.ts";

class Notes implements StoreObserver {
  readonly operations: string[] = [];
  bytesRead = 0;
  bytesWritten = 0;

  operation(...[operation, outcome, seconds]: Parameters<StoreObserver["operation"]>): void {
    assert.ok(seconds >= 0);
    this.operations.push(`${operation} ${outcome}`);
  }
  read(bytes: number): void {
    this.bytesRead += bytes;
  }
  written(bytes: number): void {
    this.bytesWritten += bytes;
  }
}

const always = { require: async () => undefined, refusal: () => undefined };

describeObjectStore("memory, measured and within room", async () => {
  const opened = await openMemory();
  const store = new StoreWithinRoom(new MeasuredStore(opened.store, new Notes()), always);
  return { ...opened, store };
});

describe("a measured store", () => {
  it("tells of every operation, its outcome and its bytes", async () => {
    const notes = new Notes();
    const store = new MeasuredStore(new MemoryStore(), notes);
    await writeData(store, "data/one", pattern(700_000));
    assert.equal((await collect(await store.read("data/one"))).byteLength, 700_000);
    await store.read("data/none").catch((error) => assert.ok(error instanceof ObjectNotFound));
    await store.save("doc", pattern(10), { absent: true });
    await assert.rejects(store.save("doc", pattern(10), { absent: true }), PreconditionFailed);
    await store.load("doc");
    await store.load("none");
    await store.stat("doc");
    await store.list("");
    await store.delete("doc");
    assert.deepEqual(notes.operations, [
      "write done",
      "read done",
      "read absent",
      "save done",
      "save conflict",
      "load done",
      "load done",
      "stat done",
      "list done",
      "delete done",
    ]);
    assert.equal(notes.bytesRead, 700_010);
    assert.equal(notes.bytesWritten, 700_010);
  });

  it("counts a reader that leaves early for what he got, and lets go of the data", async () => {
    const notes = new Notes();
    const store = new MeasuredStore(new MemoryStore(), notes);
    await writeData(store, "data/one", pattern(700_000));
    for await (const chunk of await store.read("data/one")) {
      assert.equal(notes.bytesRead, chunk.byteLength);
      break;
    }
    assert.ok(notes.bytesRead < 700_000);
  });

  it("tells of failed writes by their kind", async () => {
    const notes = new Notes();
    const full = { ...always, require: async () => Promise.reject(new StoreFull()) };
    const store = new MeasuredStore(new StoreWithinRoom(new MemoryStore(), full), notes);
    await assert.rejects(store.stage("data/one"), StoreFull);
    assert.deepEqual(notes.operations, ["write full"]);
  });
});
