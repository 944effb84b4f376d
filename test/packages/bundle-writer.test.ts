import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { DigestMismatch, SizeMismatch } from "../../src/oci/registry-error.ts";
import { planBundle } from "../../src/packages/bundle-plan.ts";
import { readBundle } from "../../src/packages/bundle-reader.ts";
import { BundleExists, type OpenBlob, writeBundle } from "../../src/packages/bundle-writer.ts";
import { encodeTarHeader, parseTarHeader } from "../../src/packages/tar-header.ts";
import { bundleOf, chunked, contentOf, entriesOf } from "./hostile-tar.ts";
import { manifestImage, samplePackage, sparseImage } from "./sample-package.ts";

const sample = samplePackage();
const plan = planBundle(sample.root, sample.documents);
const signal = new AbortController().signal;
const openBlob: OpenBlob = (digest) => contentOf(sample, digest);

describe("planBundle", () => {
  it("puts documents first, then assets and layers in order of first reference", async () => {
    const entries = entriesOf(await bundleOf(sample));
    const position = (bytes: Buffer) => entries.findIndex(({ body }) => body.equals(bytes));
    const redis = manifestImage("redis", 2);
    const db = sparseImage("db");
    const expected = [
      sample.content.get(sample.root) ?? Buffer.alloc(0),
      Buffer.from("{}"),
      Buffer.from(JSON.stringify(sample.definition)),
      redis.documents[0],
      redis.blobs[0],
      db.documents[0],
      db.documents[1],
      db.blobs[0],
      ...["scheduler", "escaped", "icon", "binary"].map((text) => Buffer.from(text)),
      redis.blobs[1],
      redis.blobs[2],
      db.blobs[1],
    ].map((bytes) => position(bytes ?? Buffer.alloc(0)));
    assert.deepEqual(
      entries.slice(0, 3).map(({ name }) => name),
      ["oci-layout", "index.json", "manifest.json"],
    );
    assert.equal(entries.length, sample.content.size + 3);
    assert.deepEqual(
      expected,
      expected.toSorted((a, b) => a - b),
    );
    assert.equal(expected[0], 3);
  });

  it("names images twice in index.json and leaves the package root unnamed and last", async () => {
    const index = JSON.parse(String(entriesOf(await bundleOf(sample))[1]?.body));
    const [redis, db, root] = index.manifests;
    for (const [entry, name] of [
      [redis, "docker.io/library/redis:7.2"],
      [db, "quay.io/acme/db:1"],
    ]) {
      assert.deepEqual(entry.annotations, {
        "org.opencontainers.image.ref.name": name,
        "io.containerd.image.name": name,
      });
    }
    assert.equal(root.artifactType, "application/vnd.dcos.package.v1");
    assert.equal(root.annotations, undefined);
    assert.equal(root.digest, sample.root);
  });

  it("lists for docker each image once, of a sparse index the platform that is here", async () => {
    const list = JSON.parse(String(entriesOf(await bundleOf(sample))[2]?.body));
    const file = (bytes: Buffer | undefined) =>
      `blobs/sha256/${digestOf(bytes ?? "").slice("sha256:".length)}`;
    const redis = manifestImage("redis", 2);
    const db = manifestImage("db");
    assert.deepEqual(list, [
      {
        Config: file(redis.blobs[0]),
        RepoTags: ["docker.io/library/redis:7.2"],
        Layers: [file(redis.blobs[1]), file(redis.blobs[2])],
      },
      {
        Config: file(db.blobs[0]),
        RepoTags: ["quay.io/acme/db:1"],
        Layers: [file(db.blobs[1])],
      },
    ]);
  });

  it("refuses a package whose manifests are not all there", () => {
    const documents = new Map(sample.documents);
    documents.delete(manifestImage("redis", 2).descriptor.digest);
    assert.throws(() => planBundle(sample.root, documents), TypeError);
    assert.throws(() => planBundle(digestOf("x"), documents), TypeError);
  });
});

describe("tar header", () => {
  it("writes sizes from 8 GiB in base 256, and reads all it writes", () => {
    for (const size of [0, 1, 8 * 1024 ** 3 - 1, 8 * 1024 ** 3, 5 * 1024 ** 4]) {
      const block = encodeTarHeader("blobs/x", size);
      assert.deepEqual(parseTarHeader(block), { name: "blobs/x", size, type: "0" });
      assert.equal(block[124] === 0x80, size >= 8 * 1024 ** 3);
    }
  });

  it("is that of POSIX ustar, without owner and time", () => {
    const block = encodeTarHeader("index.json", 5);
    assert.equal(block.toString("latin1", 257, 265), "ustar\x0000");
    assert.equal(
      block.toString("latin1", 100, 148).replaceAll("\0", " ").trim(),
      ["0000644 0000000 0000000 00000000005 00000000000"][0],
    );
    assert.ok(block.subarray(265).every((byte) => byte === 0));
  });
});

describe("writeBundle", () => {
  let directory: string;
  let target: string;

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), "bundle-writer-"));
    target = path.join(directory, "sample-1.0-1.dcos");
  });
  afterEach(() => rm(directory, { recursive: true }));

  it("writes the same bytes at any concurrency, for its owner only", async () => {
    const expected = await bundleOf(sample);
    for (const concurrency of [1, 2, 8]) {
      await writeBundle(target, plan, openBlob, { concurrency, signal });
      assert.ok((await readFile(target)).equals(expected), `concurrency ${concurrency}`);
      assert.equal((await stat(target)).mode & 0o777, 0o600);
      await rm(target);
    }
    assert.equal(expected.length, plan.size);
    assert.deepEqual(await readdir(directory), []);
  });

  it("writes what readBundle reads", async () => {
    await writeBundle(target, plan, openBlob, { concurrency: 4, signal });
    const seen: Digest[] = [];
    const sink = { blob: async (digest: Digest) => void seen.push(digest) };
    const { root } = await readBundle(chunked(await readFile(target)), sink);
    assert.equal(root.digest, sample.root);
    assert.equal(seen.length, sample.content.size);
  });

  it("never replaces a file, also not one that appears meanwhile", async () => {
    const meanwhile: OpenBlob = async function* (digest) {
      await writeFile(target, "other");
      yield* contentOf(sample, digest);
    };
    const writing = writeBundle(target, plan, meanwhile, { concurrency: 1, signal });
    await assert.rejects(writing, BundleExists);
    assert.equal(await readFile(target, "utf8"), "other");
    assert.deepEqual(await readdir(directory), [path.basename(target)]);
  });

  it("overwrites what a killed build left", async () => {
    await writeFile(`${target}.partial`, "old");
    await writeBundle(target, plan, openBlob, { concurrency: 1, signal });
    assert.deepEqual(await readdir(directory), [path.basename(target)]);
  });

  it("leaves nothing when a blob is wrong, too short, too long or cannot be read", async () => {
    const failure = new Error("unreadable");
    const broken: readonly [OpenBlob, (error: unknown) => boolean][] = [
      [(_, size) => chunked(Buffer.alloc(size)), (error) => error instanceof DigestMismatch],
      [(_, size) => chunked(Buffer.alloc(size - 1)), (error) => error instanceof SizeMismatch],
      [(_, size) => chunked(Buffer.alloc(size + 1)), (error) => error instanceof SizeMismatch],
      [
        () => ({ [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(failure) }) }),
        (error) => error === failure,
      ],
    ];
    for (const [open, expected] of broken) {
      for (const concurrency of [1, 4]) {
        const writing = writeBundle(target, plan, open, { concurrency, signal });
        await assert.rejects(writing, (error) => expected(error));
        assert.deepEqual(await readdir(directory), []);
      }
    }
  });

  it("stops and leaves nothing when its signal is aborted", async () => {
    const abort = new AbortController();
    const reason = new Error("interrupted");
    const aborting: OpenBlob = (digest) => {
      abort.abort(reason);
      return contentOf(sample, digest);
    };
    const writing = writeBundle(target, plan, aborting, { concurrency: 2, signal: abort.signal });
    await assert.rejects(writing, (error) => error === reason);
    assert.deepEqual(await readdir(directory), []);
  });
});
