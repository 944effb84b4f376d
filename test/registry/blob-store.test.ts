/** Blobs by digest: pushed once, verified, durable, found by every instance. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { digestOf } from "../../src/oci/digest.ts";
import { BlobUnknown, DigestMismatch, SizeMismatch } from "../../src/oci/registry-error.ts";
import { inlineLimit } from "../../src/registry/blob-record.ts";
import { ObjectDamaged } from "../../src/storage/store-error.ts";
import { allKeys, brokenAfter, collect, pattern, piecesOf } from "../storage/bytes.ts";
import { contentOf, large, pushContent, readBlob, repository } from "./content.ts";
import { describeRegistry } from "./registry-under-test.ts";

const blob = large(1);
const small = contentOf("small enough to stand in its record");

describeRegistry("blob store", (tested) => {
  const keys = (): Promise<string[]> => allKeys(tested().store);

  const sizes = [0, 1, 2, inlineLimit - 1, inlineLimit, inlineLimit + 1, 524_288, 524_289];
  for (const size of [...sizes, 2_000_000]) {
    it(`gives back a blob of ${size} bytes on every instance`, async () => {
      const { here, there } = tested();
      const content = contentOf(pattern(size));
      await pushContent(here, content);
      assert.ok((await readBlob(here.blobs, content.digest)).equals(content.bytes));
      assert.ok((await readBlob(there.blobs, content.digest)).equals(content.bytes));
      assert.equal((await there.blobs.open(content.digest)).size, size);
      assert.equal((await allKeys(tested().store, "data/")).length, size > inlineLimit ? 1 : 0);
    });
  }

  it("writes a small blob with one request after one look", async () => {
    const { here } = tested();
    await here.blobs.pushBytes(small.digest, small.bytes);
    const requests = here.store.takeRequests().map((request) => request.split("/")[0]);
    assert.deepEqual(requests, ["load rec", "save rec"]);
  });

  it("knows blobs by sha512 as well", async () => {
    const { here, there } = tested();
    for (const { bytes, body } of [small, blob]) {
      const digest = digestOf(bytes, "sha512");
      await here.blobs.push(digest, body());
      assert.ok((await readBlob(there.blobs, digest)).equals(bytes));
    }
  });

  it("gives any part of a blob, inline or not, of one segment or many", async () => {
    const { here } = tested();
    const parts = [100_000, 50_001, 149_999].map((size, seed) => pattern(size, seed + 9));
    const whole = contentOf(Buffer.concat(parts));
    const id = await here.uploads.start(repository);
    for (const part of parts) await here.uploads.append(repository, id, { body: piecesOf(part) });
    await here.uploads.finish(repository, id, whole.digest, { body: piecesOf(Buffer.alloc(0)) });
    await pushContent(here, small);
    for (const content of [small, whole]) {
      const found = await here.blobs.open(content.digest);
      const last = found.size - 1;
      const edges = [0, 1, 99_999, 100_000, 150_000, 150_001, last].filter((at) => at <= last);
      for (const start of edges) {
        for (const end of edges.filter((at) => at >= start)) {
          const part = await collect(found.read({ start, end }));
          assert.ok(part.equals(content.bytes.subarray(start, end + 1)), `${start}-${end}`);
        }
      }
    }
  });

  it("stores a blob once, however often it is pushed", async () => {
    const { here, there } = tested();
    await pushContent(here, blob);
    await pushContent(here, small);
    const before = await keys();
    for (const instance of [here, there]) {
      await pushContent(instance, blob);
      await pushContent(instance, small);
    }
    assert.deepEqual(await keys(), before);
  });

  it("reads and verifies what is pushed although the blob is here", async () => {
    const { here } = tested();
    for (const content of [small, blob]) {
      await pushContent(here, content);
      const wrong = here.blobs.push(content.digest, contentOf("other bytes").body());
      await assert.rejects(wrong, DigestMismatch);
      const wrongSize = here.blobs.push(content.digest, content.body(), 7);
      await assert.rejects(wrongSize, SizeMismatch);
      assert.ok((await readBlob(here.blobs, content.digest)).equals(content.bytes));
    }
  });

  it("leaves nothing of content with another digest or another size", async () => {
    const { here } = tested();
    for (const content of [small, blob]) {
      const altered = Buffer.from(content.bytes);
      altered[altered.byteLength - 1] = 0;
      const wrong = here.blobs.push(content.digest, piecesOf(altered));
      await assert.rejects(wrong, DigestMismatch);
      for (const size of [0, content.bytes.byteLength - 1, content.bytes.byteLength + 1]) {
        const wrongSize = here.blobs.push(content.digest, content.body(), size);
        await assert.rejects(wrongSize, SizeMismatch);
      }
      const short = here.blobs.push(content.digest, piecesOf(content.bytes.subarray(1)));
      await assert.rejects(short, DigestMismatch);
      await assert.rejects(here.blobs.open(content.digest), BlobUnknown);
    }
    assert.deepEqual(await keys(), []);
  });

  it("leaves nothing of a push that breaks off", async () => {
    const { here } = tested();
    for (const content of [small, blob]) {
      const broken = here.blobs.push(content.digest, brokenAfter(content.bytes));
      await assert.rejects(broken, /client has gone/);
    }
    assert.deepEqual(await keys(), []);
  });

  it("knows nothing of a blob that was never pushed", async () => {
    const { here } = tested();
    assert.equal(await here.blobs.exists(blob.digest), false);
    await assert.rejects(here.blobs.open(blob.digest), BlobUnknown);
    await assert.rejects(here.blobs.require(blob.digest), BlobUnknown);
    await assert.rejects(here.blobs.bytes(blob.digest, 10), BlobUnknown);
  });

  it("reads a blob whole up to a limit", async () => {
    const { here } = tested();
    await pushContent(here, blob);
    assert.ok((await here.blobs.bytes(blob.digest, 300_000)).equals(blob.bytes));
    await assert.rejects(here.blobs.bytes(blob.digest, 299_999), ObjectDamaged);
  });
});
