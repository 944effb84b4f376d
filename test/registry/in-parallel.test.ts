/** Protects the bound on work at a time, and that nothing runs on unseen after an error. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { inParallel } from "../../src/registry/in-parallel.ts";

describe("work in parallel", () => {
  it("keeps the order of the items, and to its bound", async () => {
    let running = 0;
    let most = 0;
    const items = Array.from({ length: 50 }, (_, at) => at);
    const doubled = await inParallel(items, 7, async (item) => {
      running += 1;
      most = Math.max(most, running);
      for (let turns = 50 - item; turns > 0; turns -= 1) await turn();
      running -= 1;
      return 2 * item;
    });
    assert.deepEqual(
      doubled,
      items.map((item) => 2 * item),
    );
    assert.equal(most, 7);
  });

  it("fails after what runs has ended, and starts nothing more", async () => {
    let started = 0;
    let ended = 0;
    const items = Array.from({ length: 20 }, (_, at) => at);
    const working = inParallel(items, 4, async (item) => {
      started += 1;
      if (item === 1) throw new Error("the second one");
      for (let turns = 10; turns > 0; turns -= 1) await turn();
      ended += 1;
    });
    await assert.rejects(working, /the second one/);
    assert.equal(started, 4);
    assert.equal(ended, 3);
  });

  it("does nothing for no items", async () => {
    assert.deepEqual(await inParallel([], 4, async () => assert.fail("there is no item")), []);
  });
});
