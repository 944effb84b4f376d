/** Protects the memory of uploads: one budget, shared in turns, without a way to wait for oneself. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PartBuffers } from "../../../src/storage/s3/part-buffers.ts";

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("part buffers", () => {
  it("gives what is within the budget at once and lets the rest wait in line", async () => {
    const buffers = new PartBuffers(200, 100);
    const [one, two] = [await buffers.acquire(100), await buffers.acquire(100)];
    const got: number[] = [];
    const waiting = [1, 2].map(async (number) => {
      const buffer = await buffers.acquire(100);
      got.push(number);
      return buffer;
    });
    await settled();
    assert.deepEqual(got, []);
    assert.equal(buffers.usedBytes, 200);
    buffers.release(one);
    await settled();
    assert.deepEqual(got, [1]);
    buffers.release(two);
    for (const buffer of await Promise.all(waiting)) buffers.release(buffer);
    assert.deepEqual(got, [1, 2]);
    assert.equal(buffers.usedBytes, 0);
  });

  it("lets nobody overtake who waits for more", async () => {
    const buffers = new PartBuffers(200, 100);
    const one = await buffers.acquire(100);
    const order: string[] = [];
    const large = buffers.acquire(200).then((buffer) => {
      order.push("large");
      return buffer;
    });
    const small = buffers.acquire(50).then((buffer) => {
      order.push("small");
      return buffer;
    });
    await settled();
    assert.deepEqual(order, []);
    buffers.release(one);
    buffers.release(await large);
    buffers.release(await small);
    assert.deepEqual(order, ["large", "small"]);
  });

  it("gives a buffer beyond the budget to who is alone", async () => {
    const buffers = new PartBuffers(200, 100);
    const huge = await buffers.acquire(1000);
    assert.equal(huge.byteLength, 1000);
    buffers.release(huge);
    assert.equal(buffers.usedBytes, 0);
  });

  it("uses the usual buffers again", async () => {
    const buffers = new PartBuffers(200, 100);
    const first = await buffers.acquire(100);
    buffers.release(first);
    assert.equal(await buffers.acquire(100), first);
  });
});
