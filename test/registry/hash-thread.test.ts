/** Large content is hashed in a thread: the same digests, for many at a time, and a clear end without it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { ContentHash } from "../../src/registry/content-hash.ts";
import { HashThread } from "../../src/registry/hash-thread.ts";
import { pattern } from "../storage/bytes.ts";

const KiB = 1024;
/** Around the size of the buffers that travel to the thread. */
const sizes = [0, 1, 512 * KiB - 1, 512 * KiB, 512 * KiB + 1, 3 * 1024 * KiB + 17];

describe("content hashed in a thread", () => {
  for (const algorithm of ["sha256", "sha512"] as const) {
    it(`has the ${algorithm} digest that it has anywhere`, async () => {
      for (const size of sizes) {
        const bytes = pattern(size, 3);
        const hash = new ContentHash(algorithm, true);
        await hash.update(bytes);
        assert.equal(hash.size, size);
        await hash.verify(digestOf(bytes, algorithm), size);
      }
    });
  }

  it("tells the digest so far, and goes on", async () => {
    const bytes = pattern(1_000_000, 5);
    const hash = new ContentHash("sha256", true);
    await hash.update(bytes.subarray(0, 600_000));
    assert.equal(await hash.digest(), digestOf(bytes.subarray(0, 600_000)));
    await hash.update(bytes.subarray(600_000));
    assert.equal(await hash.digest(), digestOf(bytes));
    await assert.rejects(hash.verify(digestOf("other")), { code: "DIGEST_INVALID" });
    await assert.rejects(hash.verify(digestOf(bytes), 7), { code: "SIZE_INVALID" });
  });

  it("is kept apart from others, whose chunks come in between in one buffer", async () => {
    const chunkBytes = 100_000;
    const contents = Array.from({ length: 30 }, (_, at) => pattern(2_000_000, at + 1));
    await Promise.all(
      contents.map(async (bytes) => {
        const hash = new ContentHash("sha256", true);
        const chunk = Buffer.alloc(chunkBytes);
        for (let start = 0; start < bytes.byteLength; start += chunkBytes) {
          bytes.copy(chunk, 0, start);
          await hash.update(chunk);
          chunk.fill(0);
        }
        assert.equal(await hash.digest(), digestOf(bytes));
      }),
    );
  });

  it("fails, and does not hang, when the thread dies", async () => {
    const thread = new HashThread();
    const owner = {};
    const ended = { code: "HASH_THREAD_ENDED" };
    const unknown = thread.begin("sha256", owner) + 1;
    const waiting = Array.from({ length: 8 }, () => thread.update(unknown, pattern(512 * KiB)));
    const results = await Promise.allSettled([...waiting, thread.digest(unknown)]);
    assert.ok(results.some(({ status }) => status === "rejected"));
    assert.ok(thread.ended);
    await assert.rejects(thread.digest(unknown), ended);
    await assert.rejects(thread.update(unknown, pattern(10)), ended);
  });
});
