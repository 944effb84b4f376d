import assert from "node:assert/strict";
import { readdir, readFile, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { BlobCache } from "../../../src/cli/fetch/blob-cache.ts";
import { digestOf, hexOf } from "../../../src/oci/digest.ts";
import { DigestMismatch, SizeMismatch } from "../../../src/oci/registry-error.ts";
import { makeScratch, removeScratch } from "../../fixtures/scratch.ts";

describe("BlobCache", () => {
  let directory: string;
  let cache: BlobCache;

  beforeEach(async () => {
    directory = await makeScratch("cache");
    cache = await BlobCache.open(directory);
  });
  afterEach(() => removeScratch(directory));

  const bytes = Buffer.from("content");
  const digest = digestOf(bytes);
  const file = () => path.join(directory, "sha256", hexOf(digest));
  const add = (content: Buffer, expected?: { digest: typeof digest; size: number }) =>
    cache.add(async (handle) => {
      await handle.write(content);
      return { digest: digestOf(content), size: content.length };
    }, expected);

  it("keeps content by digest and finds it again", async () => {
    assert.equal(await cache.has(digest, bytes.length), false);
    await add(bytes);
    const again = await BlobCache.open(directory);
    assert.equal(await again.has(digest, bytes.length), true);
    const chunks: Buffer[] = [];
    for await (const chunk of again.read(digest)) chunks.push(chunk);
    assert.ok(Buffer.concat(chunks).equals(bytes));
  });

  it("drops what is damaged", async () => {
    await add(bytes);
    await writeFile(file(), "c0ntent");
    assert.equal(await cache.has(digest, bytes.length), false);
    assert.deepEqual(await readdir(path.join(directory, "sha256")), []);
  });

  it("takes nothing but what is expected, and leaves nothing of the rest", async () => {
    const other = Buffer.from("c0ntent");
    await assert.rejects(add(other, { digest, size: 7 }), DigestMismatch);
    await assert.rejects(add(other, { digest, size: 8 }), SizeMismatch);
    const failure = new Error("connection lost");
    await assert.rejects(
      cache.add(() => Promise.reject(failure)),
      (error) => error === failure,
    );
    assert.deepEqual(await readdir(path.join(directory, "sha256")), []);
    assert.deepEqual(await readdir(path.join(directory, "incoming")), []);
  });

  it("lets two builds add the same content", async () => {
    await Promise.all([add(bytes), add(bytes)]);
    assert.ok((await readFile(file())).equals(bytes));
  });

  it("removes what killed builds left a day ago, and not what others are fetching", async () => {
    const old = path.join(directory, "incoming", "old");
    const fresh = path.join(directory, "incoming", "fresh");
    await Promise.all([writeFile(old, "x"), writeFile(fresh, "x")]);
    const yesterday = new Date(Date.now() - 25 * 60 * 60 * 1000);
    await utimes(old, yesterday, yesterday);
    await BlobCache.open(directory);
    assert.deepEqual(await readdir(path.join(directory, "incoming")), ["fresh"]);
  });

  it("is gone when it was temporary", async () => {
    const temporary = await BlobCache.openTemporary(directory);
    assert.equal((await readdir(directory)).length, 3);
    await temporary.close();
    await cache.close();
    assert.deepEqual((await readdir(directory)).sort(), ["incoming", "sha256"]);
  });

  it("is where freedesktop.org wants it", () => {
    const at = (environment: Record<string, string>) => BlobCache.defaultDirectory(environment);
    assert.equal(at({ HOME: "/h" }), "/h/.cache/dcos-registry/blobs");
    assert.equal(at({ HOME: "/h", XDG_CACHE_HOME: "/c" }), "/c/dcos-registry/blobs");
    assert.equal(at({ HOME: "/h", XDG_CACHE_HOME: "c" }), "/h/.cache/dcos-registry/blobs");
    assert.equal(at({}), undefined);
  });
});
