/** Protects a store that cannot arbitrate from a second server. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Documents } from "../../src/storage/documents.ts";
import { StorageRefused } from "../../src/storage/format.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { announcePresence } from "../../src/storage/presence.ts";
import { allKeys } from "./bytes.ts";

const periodMs = 100;

describe("signs of life", () => {
  const announce = (store: MemoryStore, errors: unknown[] = []) =>
    announcePresence(store, new Documents(store), "instance/", {
      periodMs,
      onError: (error) => errors.push(error),
    });

  it("keep a second server out while the first one lives, and let it in afterwards", async () => {
    const store = new MemoryStore();
    const errors: unknown[] = [];
    const leave = await announce(store, errors);
    await assert.rejects(announce(store), StorageRefused);
    await leave();
    assert.deepEqual(await allKeys(store), []);
    await (await announce(store))();
    assert.ok(errors.every((error) => error instanceof StorageRefused));
  });

  it("of a dead server keep nobody out, and are removed", async () => {
    const store = new MemoryStore();
    await new Documents(store).create("instance/dead", { value: { count: 7 } });
    const leave = await announce(store);
    assert.deepEqual((await allKeys(store)).includes("instance/dead"), false);
    await leave();
  });

  it("let no two servers in that start at the same moment", async () => {
    const store = new MemoryStore();
    const starts = await Promise.allSettled(Array.from({ length: 4 }, () => announce(store)));
    const alive = starts.filter(({ status }) => status === "fulfilled");
    assert.ok(alive.length <= 1, `${alive.length} servers`);
    for (const start of starts) if (start.status === "fulfilled") await start.value();
  });
});
