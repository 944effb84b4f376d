/** Counting where no collector does: again and again, past failures, until it is told to stop. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CountLoop } from "../../../src/registry/usage/count-loop.ts";
import { StoredCount } from "../../../src/registry/usage/count-stored.ts";
import { UsageJournal, usedBytes } from "../../../src/registry/usage/usage-journal.ts";
import { Documents } from "../../../src/storage/documents.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import type { ListOptions, ListPage } from "../../../src/storage/object-store.ts";
import { StoreUnavailable } from "../../../src/storage/store-error.ts";
import { eventually } from "../../fixtures/eventually.ts";

class FailingOnce extends MemoryStore {
  #failed = false;

  override async list(prefix: string, options?: ListOptions): Promise<ListPage> {
    if (!this.#failed) {
      this.#failed = true;
      throw new StoreUnavailable("list");
    }
    return super.list(prefix, options);
  }
}

describe("a count without a collector", () => {
  it("goes on behind a failure, and ends when it is told to", async () => {
    const store = new FailingOnce();
    const journal = new UsageJournal(new Documents(store));
    const failures: unknown[] = [];
    const options = {
      pauseMs: 1,
      perSecond: 0,
      onFailure: (error: unknown) => failures.push(error),
    };
    const loop = new CountLoop(new StoredCount(store, journal), options);
    loop.start();
    await store.save("rec/sha256/aa/aa", Buffer.alloc(7), { absent: true });
    await eventually(async () => assert.equal(usedBytes(await journal.read()), 7));
    await store.save("rec/sha256/bb/bb", Buffer.alloc(5), { absent: true });
    await eventually(async () => assert.equal(usedBytes(await journal.read()), 12));
    await loop.stop();
    assert.equal(failures.length, 1);
    const { count } = await journal.read();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual((await journal.read()).count, count);
  });
});
