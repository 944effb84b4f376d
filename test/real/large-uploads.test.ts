/**
 * Large uploads (T8): the answer follows the last byte at once, whatever the size, and many at a time
 * keep the server's memory bounded. At full size with SOAK=1.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import { Pool } from "undici";
import { BucketSuite } from "../fixtures/bucket-suite.ts";
import { Ceph, cephPrograms } from "../fixtures/ceph.ts";
import { lacking } from "../fixtures/requirements.ts";
import { ServerProcess } from "../fixtures/server-process.ts";
import { soak } from "../soak.ts";

const MiB = 1024 * 1024;
const largeBytes = soak ? 4096 * MiB : 384 * MiB;
const parallel = 32;
const eachBytes = soak ? 256 * MiB : 24 * MiB;
const commitMs = 1000;
const memoryBytes = 400 * MiB;

/** The same block again and again behind one that is different for each blob. */
class Content {
  readonly size: number;
  readonly digest: string;
  /** When the last byte was taken. */
  endedAt = 0;
  readonly #first = randomBytes(MiB);
  readonly #block: Buffer;

  constructor(size: number, block: Buffer) {
    this.size = size;
    this.#block = block;
    const hash = createHash("sha256");
    for (const chunk of this.#chunks()) hash.update(chunk);
    this.digest = `sha256:${hash.digest("hex")}`;
  }

  async *stream(): AsyncGenerator<Buffer> {
    yield* this.#chunks();
    this.endedAt = performance.now();
  }

  *#chunks(): Generator<Buffer> {
    yield this.#first;
    for (let sent = MiB; sent < this.size; sent += MiB) yield this.#block;
  }
}

describe("large uploads", { skip: lacking(...cephPrograms) }, () => {
  const block = randomBytes(MiB);
  const content = soak ? "file" : "memory";
  const suite = new BucketSuite("large", () => Ceph.start({ gateways: 1, content }));

  const withServer = async (
    flags: readonly string[],
    use: (server: ServerProcess, pool: Pool) => Promise<void>,
  ): Promise<void> => {
    const server = await ServerProcess.start({ directory: suite.scratch, flags });
    const ca = await server.developmentCa();
    const pool = new Pool(server.url, { connect: { ca }, connections: parallel });
    try {
      await use(server, pool);
    } finally {
      await pool.close();
      await server.stop();
    }
  };

  const storages: readonly (readonly [string, () => Promise<string[]>])[] = [
    ["a disk", async () => []],
    ["a bucket", () => suite.flags("one")],
  ];

  for (const [name, flags] of storages) {
    it(`are answered within a second of their last byte on ${name}`, async (t) => {
      await withServer(await flags(), async (_server, pool) => {
        const content = new Content(largeBytes, block);
        const begun = performance.now();
        await push(pool, content);
        const waitedMs = performance.now() - content.endedAt;
        const seconds = (performance.now() - begun) / 1000;
        t.diagnostic(
          `${largeBytes / MiB} MiB in ${seconds.toFixed(1)} s, ${waitedMs.toFixed(0)} ms`,
        );
        assert.ok(waitedMs <= commitMs, `${waitedMs} ms after the last byte`);
      });
    });
  }

  it(`keep the server's memory below ${memoryBytes / MiB} MiB, ${parallel} at a time`, async (t) => {
    await withServer(await suite.flags("many"), async (server, pool) => {
      const contents = Array.from({ length: parallel }, () => new Content(eachBytes, block));
      const begun = performance.now();
      await Promise.all(contents.map((content) => push(pool, content)));
      const seconds = (performance.now() - begun) / 1000;
      const peak = server.peakMemory();
      const sum = `${parallel} × ${eachBytes / MiB} MiB in ${seconds.toFixed(1)} s`;
      t.diagnostic(`${sum}, peak memory ${(peak / MiB).toFixed(0)} MiB`);
      assert.ok(peak < memoryBytes, `${peak / MiB} MiB`);
    });
  });
});

async function push(pool: Pool, content: Content): Promise<void> {
  const { headers, body } = await pool.request({
    method: "POST",
    path: "/v2/large/blobs/uploads/",
  });
  await body.dump();
  const answer = await pool.request({
    method: "PUT",
    path: `${String(headers["location"])}?digest=${content.digest}`,
    headers: { "content-length": String(content.size), "content-type": "application/octet-stream" },
    body: Readable.from(content.stream()),
    headersTimeout: 600_000,
    bodyTimeout: 600_000,
  });
  assert.equal(answer.statusCode, 201, await answer.body.text());
}
