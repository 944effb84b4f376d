/** Constant memory for any size: what a push or a read of a large blob holds on to. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type Digest, parseDigest } from "../../src/oci/digest.ts";
import { openRegistry, type Registry } from "../../src/registry/registry.ts";
import { pattern } from "../storage/bytes.ts";
import { closeClean, openFilesystem, type StoreUnderTest } from "../storage/store-under-test.ts";
import { noBody, repository } from "./content.ts";

const mebibyte = 1024 * 1024;
const size = 256 * mebibyte;
const allowed = 16 * mebibyte;
const piece = pattern(64 * 1024);

describe("memory, on filesystem", () => {
  let store: StoreUnderTest;
  let registry: Registry;
  let before = 0;
  let peak = 0;

  beforeEach(async () => {
    store = await openFilesystem();
    registry = openRegistry(store.store, { manifestLimit: mebibyte, uploadLifeMs: 3_600_000 });
    before = process.memoryUsage().arrayBuffers;
    peak = before;
  });
  afterEach(() => closeClean(store));

  const measure = (): void => {
    peak = Math.max(peak, process.memoryUsage().arrayBuffers);
  };

  async function* body(bytes: number): AsyncGenerator<Buffer> {
    for (let sent = 0; sent < bytes; sent += piece.byteLength) {
      yield piece;
      measure();
    }
  }

  function digestOfBody(): Digest {
    const hash = createHash("sha256");
    for (let sent = 0; sent < size; sent += piece.byteLength) hash.update(piece);
    return parseDigest(`sha256:${hash.digest("hex")}`);
  }

  it("pushes and reads 256 MiB with a few MiB of buffers", async () => {
    const digest = digestOfBody();
    await registry.blobs.push(digest, body(size));
    let read = 0;
    for await (const chunk of (await registry.blobs.open(digest)).read()) {
      read += chunk.byteLength;
      measure();
    }
    assert.equal(read, size);
    assert.ok(peak - before < allowed, `${peak - before} bytes of buffers`);
  });

  it("takes 256 MiB in chunks with a few MiB of buffers", async () => {
    const digest = digestOfBody();
    const id = await registry.uploads.start(repository);
    for (let sent = 0; sent < size; sent += size / 8) {
      await registry.uploads.append(repository, id, { body: body(size / 8), start: sent });
    }
    await registry.uploads.finish(repository, id, digest, { body: noBody(), length: 0 });
    assert.equal((await registry.blobs.open(digest)).size, size);
    assert.ok(peak - before < allowed, `${peak - before} bytes of buffers`);
  });
});
