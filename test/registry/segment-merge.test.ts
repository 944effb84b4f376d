/**
 * Protects the session's document and the blob's record from clients that send a large blob in tiny
 * chunks.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Segment } from "../../src/registry/blob-record.ts";
import { RangeUnsatisfiable, UploadInvalid } from "../../src/registry/registry-errors.ts";
import { longestList, segmentsToMerge, shortList } from "../../src/registry/segment-merge.ts";
import { random } from "../random.ts";
import { sized } from "../soak.ts";
import { allKeys } from "../storage/bytes.ts";
import { contentOf, large, noBody, readBlob, repository } from "./content.ts";
import { describeRegistry } from "./registry-under-test.ts";

const mebibyte = 1024 * 1024;

/** Chunks of these sizes one after the other; what is left, and the bytes written for it. */
function merge(sizes: Iterable<number>): { list: readonly Segment[]; written: number } {
  let list: readonly Segment[] = [];
  let written = 0;
  for (const size of sizes) {
    const merged = segmentsToMerge(list, size);
    const whole = merged.reduce((sum, segment) => sum + segment.size, size);
    written += whole;
    list = [...list.slice(0, list.length - merged.length), { key: "", size: whole }];
  }
  return { list, written };
}

function* times(count: number, size: (number: number) => number): Generator<number> {
  for (let number = 0; number < count; number += 1) yield size(number);
}

describe("a list of segments", () => {
  const numbers = random(3);
  const ways: Readonly<Record<string, (number: number) => number>> = {
    "single bytes": () => 1,
    "growing chunks": (number) => number + 1,
    "shrinking chunks": (number) => 100_000 - number,
    "chunks of random sizes": () => numbers.integer(1, 100_000),
    "large and small chunks in turn": (number) => (number % 2 ? 70_000 : 1),
  };
  for (const [name, size] of Object.entries(ways)) {
    it(`stays short with ${name}`, () => {
      const count = 20_000;
      const { list, written } = merge(times(count, size));
      const total = [...times(count, size)].reduce((sum, each) => sum + each, 0);
      assert.ok(list.length < shortList + 50 + total / mebibyte, `${list.length} segments`);
      assert.ok(written < 20 * total, `${written} bytes written for ${total}`);
    });
  }

  it("is left alone while it is short, and so are large chunks", () => {
    assert.equal(merge(times(shortList, () => 1)).list.length, shortList);
    assert.equal(merge(times(200, () => 8 * mebibyte)).list.length, 200);
  });

  it("holds the largest blobs in the chunks that we recommend", () => {
    const gibibyte = 1024 * mebibyte;
    const { list, written } = merge(times((200 * gibibyte) / (8 * mebibyte), () => 8 * mebibyte));
    assert.ok(list.length < longestList / 2, `${list.length} segments`);
    assert.ok(written < 4 * 200 * gibibyte);
  });

  it("takes no more than it can hold", () => {
    const full = [...times(longestList, () => 64 * mebibyte)].map((size) => ({ key: "", size }));
    assert.throws(() => segmentsToMerge(full, 64 * mebibyte), UploadInvalid);
  });
});

describeRegistry("uploads in tiny chunks", (tested) => {
  const count = sized(400, 20_000);
  const blob = large(7, count * 3);
  const piece = (number: number) => ({
    body: contentOf(blob.bytes.subarray(number * 3, number * 3 + 3)).body(),
    start: number * 3,
  });

  async function sendTo(end: number, id: string, start = 0): Promise<void> {
    const { here, there } = tested();
    for (let number = start; number < end; number += 1) {
      const instance = number % 50 === 49 ? there : here;
      await instance.uploads.append(repository, id, piece(number));
    }
  }

  it("are whole, and leave few segments and nothing else", async () => {
    const { here, there, store } = tested();
    const id = await here.uploads.start(repository);
    await sendTo(count, id);
    const [session = ""] = await allKeys(store, "session/");
    const document = await here.documents.read<{ segments: Segment[] }>(session);
    const keys = document?.value.segments.map(({ key }) => key).sort();
    assert.ok(keys && keys.length < shortList + 20, `${keys?.length} segments`);
    assert.deepEqual((await allKeys(store, "data/")).sort(), keys);
    await there.uploads.finish(repository, id, blob.digest, { body: noBody(), length: 0 });
    assert.ok((await readBlob(here.blobs, blob.digest)).equals(blob.bytes));
  });

  it("lose nothing when the request that would merge them comes too late", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await sendTo(shortList, id);
    const saving = here.store.hold("save", /^session\//);
    const late = here.uploads.append(repository, id, piece(shortList));
    await saving.arrived;
    await there.uploads.append(repository, id, piece(shortList));
    await saving.proceed();
    await assert.rejects(late, RangeUnsatisfiable);
    await sendTo(count, id, shortList + 1);
    await there.uploads.finish(repository, id, blob.digest, { body: noBody(), length: 0 });
    assert.ok((await readBlob(here.blobs, blob.digest)).equals(blob.bytes));
  });

  it("tell whoever reads segments that were merged meanwhile where the upload stands", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await sendTo(shortList, id);
    const reading = there.store.hold("read", /^data\/up\//);
    const late = there.uploads.append(repository, id, piece(shortList));
    await reading.arrived;
    await sendTo(shortList + 4, id, shortList);
    await reading.proceed();
    await assert.rejects(late, RangeUnsatisfiable);
  });
});
