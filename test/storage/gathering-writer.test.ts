/** Small chunks become large pieces in a file: none lost, none out of order, a full disk told. */
import assert from "node:assert/strict";
import { open, readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { GatheringWriter } from "../../src/storage/gathering-writer.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { pattern } from "./bytes.ts";

const MiB = 1024 * 1024;

describe("gathering writer", () => {
  let scratch: string;

  before(async () => {
    scratch = await makeScratch("gathering");
  });
  after(() => removeScratch(scratch));

  for (const chunkBytes of [1, 1000, 64 * 1024, MiB]) {
    it(`keeps the order of chunks of ${chunkBytes} bytes, in pieces no smaller`, async () => {
      const bytes = pattern(Math.min(3 * MiB + 17, chunkBytes * 2000), 5);
      const file = path.join(scratch, String(chunkBytes));
      const handle = await open(file, "wx+");
      const pieces: number[] = [];
      const writer = new GatheringWriter(handle.fd, (written) => pieces.push(written));
      const reused = Buffer.alloc(chunkBytes);
      for (let start = 0; start < bytes.byteLength; start += chunkBytes) {
        const length = bytes.copy(reused, 0, start);
        await writer.write(reused.subarray(0, length));
      }
      await writer.end();
      await handle.close();
      assert.ok((await readFile(file)).equals(bytes));
      assert.equal(
        pieces.reduce((sum, piece) => sum + piece, 0),
        bytes.byteLength,
      );
      assert.ok(pieces.length <= Math.ceil(bytes.byteLength / Math.min(chunkBytes, 256 * 1024)));
    });
  }

  it("tells a write that failed, with the next chunk or at the end", async () => {
    const handle = await open("/dev/full", "w");
    const writer = new GatheringWriter(handle.fd, () => assert.fail("nothing is written"));
    const full = { code: "ENOSPC" };
    await writer.write(Buffer.alloc(10));
    await assert.rejects(writer.end(), full);
    await assert.rejects(writer.write(Buffer.alloc(10)), full);
    await handle.close();
  });
});
