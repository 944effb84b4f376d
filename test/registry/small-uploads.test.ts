/** Small blobs pushed in several requests: few durable writes, and the same rules as for large ones. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { DigestMismatch, SizeMismatch } from "../../src/oci/registry-error.ts";
import { RangeUnsatisfiable, UploadUnknown } from "../../src/registry/registry-errors.ts";
import type { Chunk } from "../../src/registry/upload-segments.ts";
import { allKeys } from "../storage/bytes.ts";
import { contentOf, noBody, readBlob, repository } from "./content.ts";
import { describeRegistry } from "./registry-under-test.ts";

const small = contentOf("a config of a few bytes".repeat(40));

function chunk(start: number, end?: number): Chunk {
  return { body: contentOf(small.bytes.subarray(start, end)).body(), start };
}

const close = (): Chunk => ({ body: noBody(), length: 0 });

describeRegistry("small uploads", (tested) => {
  const begin = async (end?: number): Promise<string> => {
    const { here } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, end));
    return id;
  };
  const durableWrites = (): string[] =>
    tested()
      .here.store.takeRequests()
      .filter((request) => /^(?:save|commit)/.test(request))
      .map((request) => request.replace(/\/.*/, ""));

  it("cost three durable writes with a chunk, and one without", async () => {
    const { here } = tested();
    const id = await here.uploads.start(repository);
    durableWrites();
    await here.uploads.append(repository, id, chunk(0));
    await here.uploads.finish(repository, id, small.digest, close());
    assert.deepEqual(durableWrites(), ["save session", "save rec", "save session"]);

    const other = contentOf("another");
    const whole = await here.uploads.start(repository);
    await here.uploads.finish(repository, whole, other.digest, { body: other.body() });
    assert.deepEqual(durableWrites(), ["save rec"]);
  });

  it("finish on another instance, and leave no data behind", async () => {
    const { there, store } = tested();
    const id = await begin();
    assert.equal(await there.uploads.offset(repository, id), small.bytes.byteLength);
    await there.uploads.finish(repository, id, small.digest, close());
    assert.ok((await readBlob(there.blobs, small.digest)).equals(small.bytes));
    assert.deepEqual(await allKeys(store, "data/"), []);
    await assert.rejects(there.uploads.offset(repository, id), UploadUnknown);
  });

  it("go on, on any instance, with more chunks and with last bytes", async () => {
    const { here, there } = tested();
    const id = await begin(100);
    assert.equal(await there.uploads.append(repository, id, chunk(100, 200)), 200);
    await here.uploads.finish(repository, id, small.digest, chunk(200));
    assert.ok((await readBlob(there.blobs, small.digest)).equals(small.bytes));
  });

  it("grow large", async () => {
    const { here, there } = tested();
    const large = contentOf(Buffer.concat([small.bytes, Buffer.alloc(1_000_000, 3)]));
    const id = await begin();
    const rest = contentOf(large.bytes.subarray(small.bytes.byteLength));
    await there.uploads.append(repository, id, { body: rest.body() });
    await here.uploads.finish(repository, id, large.digest, close());
    assert.ok((await readBlob(there.blobs, large.digest)).equals(large.bytes));
  });

  it("finish under another algorithm than they began with", async () => {
    const { here } = tested();
    const digest = digestOf(small.bytes, "sha512");
    await here.uploads.finish(repository, await begin(), digest, close());
    assert.ok((await readBlob(here.blobs, digest)).equals(small.bytes));
  });

  it("stay open with what they have when the closing digest is wrong", async () => {
    const { here } = tested();
    const id = await begin();
    const wrong = digestOf("something else");
    await assert.rejects(here.uploads.finish(repository, id, wrong, close()), DigestMismatch);
    await here.uploads.finish(repository, id, small.digest, close());
  });

  it("keep nothing of a chunk with another length than announced", async () => {
    const { here } = tested();
    const id = await here.uploads.start(repository);
    const long = { ...chunk(0), length: small.bytes.byteLength + 1 };
    await assert.rejects(here.uploads.append(repository, id, long), SizeMismatch);
    assert.equal(await here.uploads.offset(repository, id), 0);
  });

  it("let one of two first chunks in", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    const outcomes = await Promise.allSettled([
      here.uploads.append(repository, id, chunk(0, 10)),
      there.uploads.append(repository, id, chunk(0, 20)),
    ]);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    assert.equal(refused.length, 1);
    assert.ok(refused[0]?.reason instanceof RangeUnsatisfiable);
  });

  it("are published once however often they are finished at the same time", async () => {
    const { here, there } = tested();
    const id = await begin();
    const finish = (instance: typeof here): Promise<void> =>
      instance.uploads.finish(repository, id, small.digest, close());
    const outcomes = await Promise.allSettled([finish(here), finish(there), finish(here)]);
    assert.ok(outcomes.some(({ status }) => status === "fulfilled"));
    assert.ok((await readBlob(here.blobs, small.digest)).equals(small.bytes));
  });

  it("are published although the answer to each write was lost", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    for (const key of [/^session/, /^rec/, /^session/])
      void here.store.hold("save", key).loseAnswer();
    await here.uploads.append(repository, id, chunk(0));
    await here.uploads.finish(repository, id, small.digest, close());
    assert.ok((await readBlob(there.blobs, small.digest)).equals(small.bytes));
  });

  it("go on after a closing request that was overtaken by a chunk", async () => {
    const { here, there } = tested();
    const id = await begin(100);
    const first = contentOf(small.bytes.subarray(0, 100));
    const publishing = here.store.hold("save", /^rec/);
    const closing = here.uploads.finish(repository, id, first.digest, close());
    await publishing.arrived;
    await there.uploads.append(repository, id, chunk(100));
    await publishing.proceed();
    await closing;
    await there.uploads.finish(repository, id, small.digest, close());
    assert.ok((await readBlob(there.blobs, small.digest)).equals(small.bytes));
  });
});
