/** Protects `build --image-archive`: which archives are read, and that images keep their bytes. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { BlobCache } from "../../../src/cli/fetch/blob-cache.ts";
import { ImageArchives } from "../../../src/cli/images/image-archive.ts";
import { bundleBytes, makeBundle } from "../../fixtures/bundle.ts";
import { amd64, arm64, makeImage, makeIndex, type TestImage } from "../../fixtures/image.ts";
import { makeScratch, removeScratch } from "../../fixtures/scratch.ts";

const name = "quay.io/acme/tool:1";

describe("images out of archives", () => {
  let scratch: string;
  let cache: BlobCache;
  let image: TestImage;
  let both: TestImage;
  before(async () => {
    scratch = await makeScratch("image-archive");
    cache = await BlobCache.open(path.join(scratch, "cache"));
    image = await makeImage({ layers: [[{ path: "a", content: "a" }]], format: "oci" });
    const other = await makeImage({ layers: [[{ path: "b", content: "b" }]], platform: arm64 });
    both = makeIndex([image, other], "oci");
    await write("tool.tar", { [name]: image, "docker.io/library/both:2": both });
  });
  after(() => removeScratch(scratch));

  async function write(file: string, images: Record<string, TestImage>): Promise<void> {
    await writeFile(path.join(scratch, file), await bundleBytes(await makeBundle({ images })));
  }

  const archives = (...files: readonly string[]): ImageArchives =>
    new ImageArchives(files, { cache, platform: amd64, workingDirectory: scratch });

  it("are found by any spelling of their name, with the digest they were written with", async () => {
    const found = await archives("tool.tar").find("quay.io/acme/tool:1");
    assert.equal(found?.descriptor.digest, image.descriptor.digest);
    assert.equal(found?.reference, name);
    for (const { digest, size } of found?.blobs ?? []) assert.ok(await cache.has(digest, size));
    const index = await archives("tool.tar").find("both:2");
    assert.equal(index?.descriptor.digest, both.descriptor.digest);
    assert.equal(index?.manifest.digest, image.descriptor.digest);
    assert.deepEqual([...(index?.documents.keys() ?? [])].length, 2);
  });

  it("are looked for elsewhere when no archive has them", async () => {
    const asked: string[] = [];
    const find = archives("tool.tar").before(async (text) => {
      asked.push(text);
      throw new Error("elsewhere");
    });
    await find(name);
    await assert.rejects(find("quay.io/acme/tool:2"), /elsewhere/);
    assert.deepEqual(asked, ["quay.io/acme/tool:2"]);
  });

  it("say which platforms there are when theirs is missing", async () => {
    const options = { cache, platform: { os: "linux", architecture: "s390x" } };
    const found = new ImageArchives(["tool.tar"], { ...options, workingDirectory: scratch });
    await assert.rejects(found.find("both:2"), (error: Error & { hint?: string }) => {
      assert.match(error.message, /no linux\/s390x image in tool\.tar/);
      assert.match(String(error.hint), /linux\/amd64, linux\/arm64\/v8/);
      return true;
    });
  });

  it("come from no file that is missing, broken or no archive", async () => {
    await writeFile(path.join(scratch, "text.tar"), "no tar at all\n".repeat(100));
    await assert.rejects(archives("text.tar").find(name), /not an OCI archive: it is no tar file/);
    await assert.rejects(archives("none.tar").find(name), /no such file/);
    await assert.rejects(archives(".").find(name), /is a directory/);
    await writeFile(path.join(scratch, "damaged.tar"), await makeDamaged());
    await assert.rejects(archives("damaged.tar").find(name), /not an OCI archive: .*digest/);
  });

  /** The archive with one byte of its last blob changed. */
  async function makeDamaged(): Promise<Buffer> {
    const whole = await bundleBytes(await makeBundle({ images: { [name]: image } }));
    const last = whole.lastIndexOf("blobs/sha256/");
    whole[last + 512 + 20] = (whole[last + 512 + 20] ?? 0) ^ 1;
    return whole;
  }
});
