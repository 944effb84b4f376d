/** Files as streams: every byte at any pace, and what slow consumers may hold. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it, mock } from "node:test";
import { readFileStream } from "../../src/storage/read-file.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { pattern } from "./bytes.ts";

const MiB = 1024 * 1024;
const large = MiB;
const smallest = 64 * 1024;

describe("a file that is streamed", () => {
  const bytes = pattern(6 * MiB + 12_345);
  let scratch: string;
  let file: string;

  before(async () => {
    scratch = await makeScratch("read-file");
    file = path.join(scratch, "data");
    await writeFile(file, bytes);
  });
  after(() => removeScratch(scratch));

  /** @param pace milliseconds that the consumer takes for each chunk @returns their lengths */
  const stream = async (pace: (chunk: number) => number, start = 0): Promise<number[]> => {
    let now = 0;
    const clock = mock.method(performance, "now", () => now);
    try {
      const lengths: number[] = [];
      let position = start;
      const range = { start, end: bytes.byteLength - 1 };
      for await (const chunk of await readFileStream(file, "data", { range })) {
        assert.ok(chunk.equals(bytes.subarray(position, position + chunk.byteLength)));
        position += chunk.byteLength;
        now += pace(lengths.push(chunk.byteLength));
      }
      assert.equal(position, bytes.byteLength);
      return lengths;
    } finally {
      clock.mock.restore();
    }
  };

  it("comes in large chunks", async () => {
    const lengths = await stream(() => 1);
    assert.deepEqual(lengths.slice(0, 6), Array(6).fill(large));
  });

  it("comes in one chunk when it is short", async () => {
    assert.deepEqual(await stream(() => 1, bytes.byteLength - 200_000), [200_000]);
  });

  it("comes in small chunks once its consumer is slow", async () => {
    const [first, ...others] = await stream(() => 5000);
    assert.equal(first, large);
    assert.equal(Math.max(...others), smallest);
  });

  it("comes in large chunks again for who is quick again", async () => {
    const lengths = await stream((chunk) => (chunk < 3 ? 5000 : 1));
    assert.deepEqual(lengths.slice(0, 4), [large, smallest, smallest, large]);
  });

  it("comes to many slow consumers without large buffers for all of them", async () => {
    const range = { start: 0, end: bytes.byteLength - 1 };
    const opened = await Promise.all(
      Array.from({ length: 50 }, () => readFileStream(file, "data", { range })),
    );
    const readers = opened.map((chunks) => chunks[Symbol.asyncIterator]());
    const held = await Promise.all(readers.map(async (reader) => (await reader.next()).value));
    const total = held.reduce((sum, chunk) => sum + (chunk?.byteLength ?? 0), 0);
    assert.ok(total <= 4 * MiB + 12 * (MiB / 4) + 34 * smallest, `${total} bytes`);
    await Promise.all(readers.map((reader) => reader.return?.()));
    assert.equal((await stream(() => 1))[0], large, "they were given back");
  });
});
