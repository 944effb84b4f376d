/** Pushing a blob in several requests: on any instance, cut off, repeated, cancelled. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { BlobUnknown, DigestMismatch } from "../../src/oci/registry-error.ts";
import { RangeUnsatisfiable, UploadUnknown } from "../../src/registry/registry-errors.ts";
import type { Chunk } from "../../src/registry/upload-segments.ts";
import { StoreUnavailable } from "../../src/storage/store-error.ts";
import { allKeys, brokenAfter, pattern } from "../storage/bytes.ts";
import { contentOf, elsewhere, large, noBody, readBlob, repository } from "./content.ts";
import { describeRegistry, type Instance } from "./registry-under-test.ts";

const blob = large(1, 1_500_000);
const cuts = [0, 100_000, 100_001, 900_000, 1_500_000] as const;

function chunk(start: number, end: number): Chunk {
  return { body: contentOf(blob.bytes.subarray(start, end)).body(), start };
}

/** As a closing request without a body comes: with `Content-Length: 0`. */
const close = (): Chunk => ({ body: noBody(), length: 0 });

describeRegistry("uploads", (tested) => {
  const finishAll = async (instance: Instance, id: string): Promise<void> => {
    for (let part = 1; part < cuts.length; part += 1) {
      const [start = 0, end = 0] = cuts.slice(part - 1, part + 1);
      assert.equal(await instance.uploads.append(repository, id, chunk(start, end)), end);
    }
    await instance.uploads.finish(repository, id, blob.digest, close());
  };
  const dataKeys = (): Promise<string[]> => allKeys(tested().store, "data/");

  it("takes chunks one after the other and finishes without a body", async () => {
    const { here, there } = tested();
    await finishAll(here, await here.uploads.start(repository));
    assert.ok((await readBlob(there.blobs, blob.digest)).equals(blob.bytes));
    assert.equal((await dataKeys()).length, cuts.length - 1);
  });

  it("writes nothing before the first byte", async () => {
    const { here } = tested();
    await here.uploads.start(repository);
    here.store.takeRequests();
    const id = await here.uploads.start(repository);
    assert.deepEqual(here.store.takeRequests(), []);
    assert.equal(await here.uploads.offset(repository, id), 0);
  });

  it("takes the whole body with the closing request", async () => {
    const { here, there } = tested();
    for (const content of [contentOf(""), contentOf("{}"), blob]) {
      const id = await here.uploads.start(repository);
      await there.uploads.finish(repository, id, content.digest, { body: content.body() });
      assert.ok((await readBlob(here.blobs, content.digest)).equals(content.bytes));
    }
  });

  it("takes the last bytes with the closing request", async () => {
    const { here } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, 1_000_000));
    await here.uploads.finish(repository, id, blob.digest, chunk(1_000_000, 1_500_000));
    assert.ok((await readBlob(here.blobs, blob.digest)).equals(blob.bytes));
  });

  it("goes on with every request on another instance", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    for (let part = 1; part < cuts.length; part += 1) {
      const [start = 0, end = 0] = cuts.slice(part - 1, part + 1);
      const instance = part % 2 === 0 ? here : there;
      assert.equal(await instance.uploads.offset(repository, id), start);
      await instance.uploads.append(repository, id, chunk(start, end));
    }
    await here.uploads.finish(repository, id, blob.digest, close());
    assert.ok((await readBlob(there.blobs, blob.digest)).equals(blob.bytes));
  });

  it("reads what other instances have taken once, however often they take turns", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    const part = 100_000;
    const reads: string[] = [];
    for (let start = 0; start < blob.bytes.byteLength; start += part) {
      const instance = start % (2 * part) === 0 ? here : there;
      instance.store.takeRequests();
      await instance.uploads.append(repository, id, chunk(start, start + part));
      const requests = instance.store.takeRequests();
      reads.push(...requests.filter((request) => request.startsWith("read ")));
    }
    await here.uploads.finish(repository, id, blob.digest, close());
    assert.ok((await readBlob(there.blobs, blob.digest)).equals(blob.bytes));
    assert.equal(reads.length, new Set(reads).size);
    assert.equal(reads.length, blob.bytes.byteLength / part - 1);
  });

  it("finishes elsewhere without reading what is stored", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, 1_500_000));
    there.store.takeRequests();
    await there.uploads.finish(repository, id, blob.digest, close());
    assert.deepEqual(
      there.store.takeRequests().filter((request) => request.startsWith("read ")),
      [],
    );
  });

  it("reads the session once neither for a single chunk nor for its end", async () => {
    const { here } = tested();
    const id = await here.uploads.start(repository);
    here.store.takeRequests();
    await here.uploads.append(repository, id, { body: blob.body() });
    await here.uploads.finish(repository, id, blob.digest, close());
    const kinds = here.store.takeRequests().map((request) => request.replace(/\/.*/, ""));
    const documents = kinds.filter((kind) => /^(?:load|save) /.test(kind));
    const life = ["save session", "save session", "load rec", "save session", "save rec"];
    assert.deepEqual(documents, [...life, "save session"]);
  });

  it("finishes with what another instance has added since", async () => {
    for (const size of [10, 100_000]) {
      const { here, there } = tested();
      const id = await here.uploads.start(repository);
      await here.uploads.append(repository, id, chunk(0, size));
      await there.uploads.append(repository, id, chunk(size, 1_500_000));
      await here.uploads.finish(repository, id, blob.digest, close());
      assert.ok((await readBlob(there.blobs, blob.digest)).equals(blob.bytes));
    }
  });

  it("refuses a digest of what stood here before another instance went on", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, 100_000));
    await there.uploads.append(repository, id, chunk(100_000, 900_000));
    const old = digestOf(blob.bytes.subarray(0, 100_000));
    await assert.rejects(here.uploads.finish(repository, id, old, close()), DigestMismatch);
    assert.equal(await there.uploads.offset(repository, id), 900_000);
  });

  it("puts a chunk without a position behind what another instance has", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, { body: chunk(0, 10).body });
    assert.equal(await there.uploads.append(repository, id, { body: chunk(10, 20).body }), 20);
    const rest = { body: chunk(20, 1_500_000).body };
    assert.equal(await here.uploads.append(repository, id, rest), 1_500_000);
    await there.uploads.finish(repository, id, blob.digest, close());
    assert.ok((await readBlob(here.blobs, blob.digest)).equals(blob.bytes));
  });

  it("takes an upload of no bytes at all", async () => {
    const { here } = tested();
    const empty = contentOf("");
    const id = await here.uploads.start(repository);
    assert.equal(await here.uploads.append(repository, id, close()), 0);
    await here.uploads.finish(repository, id, empty.digest, close());
    assert.equal((await readBlob(here.blobs, empty.digest)).byteLength, 0);
  });

  it("finishes under sha512, announced at the start or only at the end", async () => {
    const { here, there } = tested();
    const digest = digestOf(blob.bytes, "sha512");
    for (const algorithm of ["sha512", "sha256"] as const) {
      const id = await here.uploads.start(repository, algorithm);
      await here.uploads.append(repository, id, chunk(0, 700_000));
      await there.uploads.finish(repository, id, digest, chunk(700_000, 1_500_000));
      assert.ok((await readBlob(here.blobs, digest)).equals(blob.bytes));
    }
  });

  it("says where a chunk that starts elsewhere belongs, and stays usable", async () => {
    const { here } = tested();
    const id = await here.uploads.start(repository);
    await assert.rejects(here.uploads.append(repository, id, chunk(1, 2)), { offset: 0 });
    await here.uploads.append(repository, id, chunk(0, 100_000));
    for (const start of [0, 99_999, 100_001]) {
      await assert.rejects(
        here.uploads.append(repository, id, chunk(start, start + 10)),
        (error: RangeUnsatisfiable) =>
          error instanceof RangeUnsatisfiable && error.offset === 100_000,
      );
    }
    const wrongEnd = here.uploads.finish(repository, id, blob.digest, chunk(7, 1_500_000));
    await assert.rejects(wrongEnd, RangeUnsatisfiable);
    await here.uploads.finish(repository, id, blob.digest, chunk(100_000, 1_500_000));
    assert.ok(await here.blobs.exists(blob.digest));
  });

  it("stays at its offset when a chunk is cut off", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, 100_000));
    const before = await dataKeys();
    const cut = { body: brokenAfter(blob.bytes.subarray(100_000, 1_000_000)), start: 100_000 };
    await assert.rejects(here.uploads.append(repository, id, cut), /client has gone/);
    const cutEnd = { body: brokenAfter(blob.bytes.subarray(100_000)), start: 100_000 };
    const finishing = here.uploads.finish(repository, id, blob.digest, cutEnd);
    await assert.rejects(finishing, /client has gone/);
    assert.equal(await there.uploads.offset(repository, id), 100_000);
    assert.deepEqual(await dataKeys(), before);
    await here.uploads.append(repository, id, chunk(100_000, 1_500_000));
    await here.uploads.finish(repository, id, blob.digest, close());
    assert.ok((await readBlob(there.blobs, blob.digest)).equals(blob.bytes));
  });

  it("stays open with what it had when the closing digest is wrong", async () => {
    const { here } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, 100_000));
    const before = await dataKeys();
    const wrong = here.uploads.finish(repository, id, blob.digest, chunk(100_000, 1_400_000));
    await assert.rejects(wrong, DigestMismatch);
    await assert.rejects(here.uploads.finish(repository, id, blob.digest, close()), DigestMismatch);
    assert.deepEqual(await dataKeys(), before);
    await assert.rejects(here.blobs.open(blob.digest), BlobUnknown);
    await here.uploads.finish(repository, id, blob.digest, chunk(100_000, 1_500_000));
    assert.ok(await here.blobs.exists(blob.digest));
  });

  it("leaves nothing of a whole body with a wrong digest", async () => {
    const { here } = tested();
    const id = await here.uploads.start(repository);
    const wrong = here.uploads.finish(repository, id, blob.digest, chunk(0, 1_400_000));
    await assert.rejects(wrong, DigestMismatch);
    const short = here.uploads.finish(repository, id, blob.digest, chunk(0, 10));
    await assert.rejects(short, DigestMismatch);
    assert.deepEqual(await allKeys(tested().store), ["key/signing"]);
  });

  it("leaves nothing of a cancelled upload, and ends it everywhere", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, 100_000));
    await here.uploads.append(repository, id, chunk(100_000, 200_000));
    await there.uploads.cancel(repository, id);
    assert.deepEqual(await dataKeys(), []);
    await assert.rejects(here.uploads.offset(repository, id), UploadUnknown);
    await assert.rejects(
      here.uploads.append(repository, id, chunk(200_000, 300_000)),
      UploadUnknown,
    );
    await assert.rejects(here.uploads.finish(repository, id, blob.digest, close()), UploadUnknown);
    await assert.rejects(here.uploads.cancel(repository, id), UploadUnknown);
  });

  it("ends an upload that is cancelled before its first byte", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.cancel(repository, id);
    const late = there.uploads.append(repository, id, chunk(0, 10));
    await assert.rejects(late, UploadUnknown);
    const whole = there.uploads.finish(repository, id, blob.digest, chunk(0, 1_500_000));
    await assert.rejects(whole, UploadUnknown);
    assert.deepEqual(await dataKeys(), []);
  });

  it("knows a finished upload no more", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await finishAll(here, id);
    for (const instance of [here, there]) {
      await assert.rejects(instance.uploads.offset(repository, id), UploadUnknown);
      await assert.rejects(
        instance.uploads.finish(repository, id, blob.digest, close()),
        UploadUnknown,
      );
      await assert.rejects(instance.uploads.cancel(repository, id), UploadUnknown);
    }
    assert.ok((await readBlob(there.blobs, blob.digest)).equals(blob.bytes));
  });

  it("drops what it has when the blob came in another way meanwhile", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, 1_500_000));
    await there.blobs.push(blob.digest, blob.body());
    await here.uploads.finish(repository, id, blob.digest, close());
    assert.equal((await dataKeys()).length, 1);
    assert.ok((await readBlob(here.blobs, blob.digest)).equals(blob.bytes));
    await assert.rejects(here.uploads.offset(repository, id), UploadUnknown);
  });

  it("belongs to one repository", async () => {
    const { here } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, 10));
    await assert.rejects(here.uploads.offset(elsewhere, id), UploadUnknown);
    await assert.rejects(here.uploads.append(elsewhere, id, chunk(10, 20)), UploadUnknown);
    await assert.rejects(here.uploads.cancel(elsewhere, id), UploadUnknown);
    assert.equal(await here.uploads.offset(repository, id), 10);
  });

  it("lets one of two chunks for the same place in, and keeps nothing of the other", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, 100_000));
    const saving = here.store.hold("save", /^session\//);
    const slow = here.uploads.append(repository, id, chunk(100_000, 900_000));
    await saving.arrived;
    await there.uploads.append(repository, id, chunk(100_000, 200_000));
    await saving.proceed();
    await assert.rejects(slow, { offset: 200_000 });
    assert.equal((await dataKeys()).length, 2);
    await there.uploads.finish(repository, id, blob.digest, chunk(200_000, 1_500_000));
    assert.ok((await readBlob(here.blobs, blob.digest)).equals(blob.bytes));
  });

  it("lets one of two first chunks in", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    const creating = here.store.hold("save", /^session\//);
    const slow = here.uploads.append(repository, id, chunk(0, 900_000));
    await creating.arrived;
    await there.uploads.append(repository, id, chunk(0, 100_000));
    await creating.proceed();
    await assert.rejects(slow, RangeUnsatisfiable);
    assert.equal(await here.uploads.offset(repository, id), 100_000);
    assert.equal((await dataKeys()).length, 1);
  });

  it("does not put a first chunk behind another when its own answer was lost", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    const creating = here.store.hold("save", /^session\//);
    const looking = here.store.hold("load", /^session\//);
    const slow = here.uploads.append(repository, id, chunk(0, 900_000));
    await creating.loseAnswer();
    await looking.arrived;
    await there.uploads.append(repository, id, chunk(0, 100_000));
    await looking.proceed();
    await assert.rejects(slow, RangeUnsatisfiable);
    assert.equal(await there.uploads.offset(repository, id), 100_000);
  });
});

describeRegistry("uploads, requests repeated and lost", (tested) => {
  const dataKeys = (): Promise<string[]> => allKeys(tested().store, "data/");
  const readable = async (digest: Digest): Promise<void> => {
    for (const { blobs } of [tested().here, tested().there]) {
      assert.ok((await readBlob(blobs, digest)).equals(blob.bytes));
    }
  };

  for (const held of ["load rec/", "save session/", "save rec/"] as const) {
    it(`keeps the blob when a closing request is repeated while the first is at ${held}`, async () => {
      const { here, there } = tested();
      const id = await here.uploads.start(repository);
      await here.uploads.append(repository, id, chunk(0, 1_500_000));
      const [method, prefix = ""] = held.split(" ") as ["load" | "save", string];
      const slowly = here.store.hold(method, new RegExp(`^${prefix}`));
      const first = here.uploads.finish(repository, id, blob.digest, close());
      await slowly.arrived;
      const repeated = there.uploads.finish(repository, id, blob.digest, close());
      const second = await Promise.allSettled([repeated]);
      await slowly.proceed();
      const outcomes = [...second, ...(await Promise.allSettled([first]))];
      assert.ok(outcomes.some(({ status }) => status === "fulfilled"));
      await readable(blob.digest);
    });
  }

  it("keeps the blob when a late repetition finds it published from its own segments", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, 1_500_000));
    const slowly = there.store.hold("load", /^rec\//);
    const repeated = there.uploads.finish(repository, id, blob.digest, close());
    await slowly.arrived;
    await here.uploads.finish(repository, id, blob.digest, close());
    await slowly.proceed();
    await repeated.catch((error) => assert.ok(error instanceof UploadUnknown));
    await readable(blob.digest);
  });

  it("keeps a chunk whose acknowledgement was lost in the store", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, 100_000));
    const saving = here.store.hold("save", /^session\//);
    const appended = here.uploads.append(repository, id, chunk(100_000, 900_000));
    await saving.loseAnswer();
    assert.equal(await appended, 900_000);
    await there.uploads.finish(repository, id, blob.digest, chunk(900_000, 1_500_000));
    await readable(blob.digest);
  });

  it("keeps a chunk that may have been accepted, although nobody can tell", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, 100_000));
    const saving = here.store.hold("save", /^session\//);
    const appended = here.uploads.append(repository, id, chunk(100_000, 900_000));
    await saving.arrived;
    here.store.outage(/^load session/);
    await saving.loseAnswer();
    await assert.rejects(appended, StoreUnavailable);
    // The client asks where to go on, as the specification says, and is told about the chunk.
    assert.equal(await there.uploads.offset(repository, id), 900_000);
    await there.uploads.append(repository, id, chunk(900_000, 1_500_000));
    await there.uploads.finish(repository, id, blob.digest, close());
    await readable(blob.digest);
  });

  it("keeps a chunk that is accepted after everybody has given up on it", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, 100_000));
    const saving = here.store.hold("save", /^session\//);
    const appended = here.uploads.append(repository, id, chunk(100_000, 1_500_000));
    await saving.arrived;
    here.store.outage(/^(?:load|save) session/);
    const land = await saving.delay();
    await assert.rejects(appended, StoreUnavailable);
    assert.equal(await there.uploads.offset(repository, id), 100_000);
    assert.equal(await land(), "done");
    assert.equal(await there.uploads.offset(repository, id), 1_500_000);
    await there.uploads.finish(repository, id, blob.digest, close());
    await readable(blob.digest);
  });

  it("publishes although every answer on the way was lost once", async () => {
    const { here } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, 1_500_000));
    const losses = [/^session\//, /^rec\//, /^session\//].map((key) =>
      here.store.hold("save", key),
    );
    const finished = here.uploads.finish(repository, id, blob.digest, close());
    for (const lost of losses) await lost.loseAnswer();
    await finished;
    await readable(blob.digest);
    assert.equal((await dataKeys()).length, 1);
  });

  it("does not end an upload that is being published when it is cancelled", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, 1_500_000));
    const closing = there.store.hold("save", /^session\//);
    const cancelled = there.uploads.cancel(repository, id);
    await closing.arrived;
    const publishing = here.store.hold("save", /^rec\//);
    const finished = here.uploads.finish(repository, id, blob.digest, close());
    await publishing.arrived;
    await closing.proceed();
    await assert.rejects(cancelled, UploadUnknown);
    const [session = ""] = await allKeys(tested().store, "session/");
    const document = await here.documents.read<{ state: string; target?: Digest }>(session);
    assert.deepEqual(
      [document?.value.state, document?.value.target],
      ["committing", blob.digest],
      "whoever clears up must see what is being published",
    );
    await publishing.proceed();
    await finished;
    await readable(blob.digest);
  });

  it("publishes nothing of an upload that is cancelled just before", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, 1_500_000));
    const committing = here.store.hold("save", /^session\//);
    const finished = here.uploads.finish(repository, id, blob.digest, close());
    await committing.arrived;
    await there.uploads.cancel(repository, id);
    await committing.proceed();
    await assert.rejects(finished, UploadUnknown);
    await assert.rejects(here.blobs.open(blob.digest), BlobUnknown);
    assert.deepEqual(await dataKeys(), []);
  });

  it("says that it ended to whoever still reads what it had", async () => {
    for (const closing of [chunk(100_000, 900_000), close()]) {
      const { here, there } = tested();
      const id = await here.uploads.start(repository, "sha512");
      await here.uploads.append(repository, id, chunk(0, 100_000));
      const reading = there.store.hold("read", /^data\/up\//);
      const late = there.uploads.finish(repository, id, blob.digest, closing);
      await reading.arrived;
      await here.uploads.cancel(repository, id);
      await reading.proceed();
      await assert.rejects(late, UploadUnknown);
    }
    assert.deepEqual(await dataKeys(), []);
  });

  it("writes each chunk under a key of its own", async () => {
    const { here, there } = tested();
    const id = await here.uploads.start(repository);
    await here.uploads.append(repository, id, chunk(0, 100_000));
    const slow = here.store.hold("append", /^data\/up\//);
    const stalled = here.uploads.append(repository, id, chunk(100_000, 900_000));
    await slow.arrived;
    await there.uploads.append(repository, id, chunk(100_000, 1_500_000));
    await there.uploads.finish(repository, id, blob.digest, close());
    await slow.proceed();
    await assert.rejects(stalled, UploadUnknown);
    assert.ok(pattern(1_500_000, 1).equals(blob.bytes));
    await readable(blob.digest);
  });
});
