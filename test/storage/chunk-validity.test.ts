/** The contract suite must catch an adapter that reads ahead into a buffer still in use. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { collect, pattern, writeData } from "./bytes.ts";
import { chunksStayValid } from "./chunk-validity.ts";

/** Correct bytes, in the right order, but the next chunk overwrites the last one too early. */
class OverlappingStore extends MemoryStore {
  override async read(key: string): Promise<AsyncIterable<Buffer>> {
    const inner = (await super.read(key))[Symbol.asyncIterator]();
    const shared = Buffer.alloc(64 * 1024);
    return {
      async *[Symbol.asyncIterator]() {
        let ahead = inner.next();
        for (let chunk = await ahead; !chunk.done; chunk = await ahead) {
          const given = shared.subarray(0, chunk.value.copy(shared));
          ahead = setImmediate().then(async () => {
            const next = await inner.next();
            if (!next.done) next.value.copy(shared);
            return next;
          });
          yield given;
        }
      },
    };
  }
}

it("a fast reader does not notice overlapping chunks, the contract suite does", async () => {
  const store = new OverlappingStore();
  const bytes = pattern(300_000);
  await writeData(store, "data/one", bytes);
  assert.ok((await collect(await store.read("data/one"))).equals(bytes));
  await assert.rejects(chunksStayValid(store, "data/one", bytes), /changed while it was in use/);
  await chunksStayValid(await honest(bytes), "data/one", bytes);
});

async function honest(bytes: Buffer): Promise<MemoryStore> {
  const store = new MemoryStore();
  await writeData(store, "data/one", bytes);
  return store;
}
