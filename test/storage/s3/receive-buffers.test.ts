/** Protects that what sockets read into is used again, and never while somebody still reads it. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { after, before, describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { ObjectStore } from "../../../src/storage/object-store.ts";
import { readObject } from "../../../src/storage/s3/read-object.ts";
import { ReceiveBuffers } from "../../../src/storage/s3/receive-buffers.ts";
import type { S3Connection } from "../../../src/storage/s3/s3-client.ts";
import { S3Bucket } from "../../fixtures/s3-bucket.ts";
import { S3Server } from "../../fixtures/s3-server.ts";
import { collect, pattern, writeData } from "../bytes.ts";

const MiB = 1024 * 1024;

describe("what is read from a store's socket", () => {
  const bytes = pattern(8 * MiB);
  let server: S3Server;
  let bucket: S3Bucket;
  let store: ObjectStore;

  before(async () => {
    server = await S3Server.start();
    bucket = await S3Bucket.create(server.place);
    ({ store } = await bucket.underTest());
    await writeData(store, "data/one", bytes);
  });
  after(async () => {
    await bucket?.close();
    await server?.close();
  });
  it("lies in few buffers, however much it is", async () => {
    const seen = new Set<ArrayBufferLike>();
    for await (const chunk of await store.read("data/one")) seen.add(chunk.buffer);
    assert.ok(seen.size <= 8, `${seen.size} buffers`);
  });

  it("is whole for each of many readers, fast and slow", async () => {
    const slowly = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of chunks) {
        await setImmediate();
        yield chunk;
      }
    };
    const readers = Array.from({ length: 8 }, async (_, at) => {
      const chunks = await store.read("data/one");
      return collect(at % 2 === 0 ? chunks : slowly(chunks));
    });
    for (const read of await Promise.all(readers)) assert.ok(read.equals(bytes));
  });

  it("is whole after readers that left early", async () => {
    for (let reader = 0; reader < 4; reader += 1) {
      for await (const chunk of await store.read("data/one")) {
        assert.ok(chunk.equals(bytes.subarray(0, chunk.byteLength)));
        break;
      }
    }
    assert.ok((await collect(await store.read("data/one"))).equals(bytes));
  });
});

it("a buffer is given out again only when it came back, and once", () => {
  const buffers = new ReceiveBuffers();
  const take = (): Buffer => buffers.onread.buffer();
  const [first, second] = [take(), take()];
  assert.notEqual(first.buffer, second.buffer);
  buffers.giveBack(first.subarray(10, 20));
  buffers.giveBack(first.subarray(20, 30));
  buffers.giveBack(Buffer.from("of another kind"));
  assert.equal(take().buffer, first.buffer);
  const third = take();
  assert.notEqual(third.buffer, first.buffer);
  assert.notEqual(third.buffer, second.buffer);
});

for (const announced of [true, false]) {
  it(`one read is ${announced ? "one chunk" : "several chunks"} of an answer ${announced ? "with" : "without"} a length`, async () => {
    const received = new ReceiveBuffers();
    const read = received.onread.buffer();
    const body = Readable.from([read.subarray(0, 10), read.subarray(10, 20)]);
    const answer = { Body: body, ...(announced && { ContentLength: 20 }) };
    const connection = { bucket: "b", prefix: "", received, send: async () => answer };
    const range = { start: 0, end: 19 };
    const chunks = await readObject(connection as unknown as S3Connection, "data/one", { range });
    const asked = chunks[Symbol.asyncIterator]();
    await asked.next();
    await asked.next();
    assert.equal(received.onread.buffer().buffer === read.buffer, announced);
    await asked.return?.();
  });
}
