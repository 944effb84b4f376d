/** Protects what a store that fails, stalls or loses answers leads to: clean errors, nothing lost or doubled. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Documents } from "../../../src/storage/documents.ts";
import { storeFor } from "../../../src/storage/s3/open-s3.ts";
import { S3Connection } from "../../../src/storage/s3/s3-client.ts";
import type { S3Operation } from "../../../src/storage/s3/s3-options.ts";
import type { S3Store } from "../../../src/storage/s3/s3-store.ts";
import {
  PreconditionFailed,
  StoreFull,
  StoreUnavailable,
} from "../../../src/storage/store-error.ts";
import { S3Bucket } from "../../fixtures/s3-bucket.ts";
import { type Fault, S3Server, type SeenRequest } from "../../fixtures/s3-server.ts";
import { collect, pattern, writeData } from "../bytes.ts";

const MiB = 1024 * 1024;
const absent = { absent: true } as const;

describe("an S3 store with faults", () => {
  let server: S3Server;
  let bucket: S3Bucket;
  let connection: S3Connection;
  let store: S3Store;
  let operations: S3Operation[];

  beforeEach(async () => {
    server = await S3Server.start();
    bucket = await S3Bucket.create(server.place);
    operations = [];
    const observe = (operation: S3Operation) => void operations.push(operation);
    connection = new S3Connection({ ...bucket.options("p"), observe });
    store = storeFor(connection, { arbitrates: true, etagStyle: "quoted" });
    server.takeRequests();
  });

  afterEach(async () => {
    connection.close();
    await bucket.close();
    await server.close();
  });

  /** The first `count` requests that match fail; all later ones succeed. */
  const failing = (
    fault: Fault,
    count: number,
    which: (seen: SeenRequest) => boolean = () => true,
  ) => {
    let left = count;
    server.fault = (seen) => {
      if (!which(seen) || left === 0) return undefined;
      left -= 1;
      return fault;
    };
  };

  const faults: readonly Fault[] = [
    { status: 500, code: "InternalError" },
    { status: 503, code: "SlowDown" },
    "reset",
    "lost-answer",
  ];

  for (const fault of faults) {
    const name = typeof fault === "object" ? fault.code : fault;

    it(`tries reads, listings and data again after ${name}, and says so`, async () => {
      await store.save("doc", Buffer.from("x"), absent);
      await writeData(store, "data/a", pattern(100));
      const calls = [
        () => store.load("doc"),
        () => store.stat("doc"),
        () => store.list(""),
        () => writeData(store, "data/b", pattern(100)),
        async () => collect(await store.read("data/a")),
        () => store.delete("data/b"),
      ];
      for (const call of calls) {
        operations.length = 0;
        failing(fault, 1);
        await call();
        assert.equal(operations[0]?.attempts, 2);
      }
    });

    it(`sends a conditional write once, whatever became of it (${name})`, async () => {
      failing(fault, 1, ({ method }) => method === "PUT");
      await assert.rejects(store.save("doc", Buffer.from("x"), absent), (error) => {
        return error instanceof StoreUnavailable || error instanceof PreconditionFailed;
      });
      assert.equal(server.takeRequests().filter(({ method }) => method === "PUT").length, 1);
    });

    it(`writes each document once through ${name}`, async () => {
      const documents = new Documents(store);
      const puts = ({ method }: SeenRequest): boolean => method === "PUT";
      failing(fault, 1, puts);
      let document = await documents.create("doc", { value: 0 });
      for (let value = 1; value <= 3; value += 1) {
        failing(fault, 1, puts);
        document = await documents.replace(document, { value });
      }
      const found = await documents.read<number>("doc");
      assert.deepEqual([found?.value, found?.generation], [3, document.generation]);
    });
  }

  it("gives up after three tries, within the port's errors", async () => {
    server.fault = () => ({ status: 503, code: "SlowDown" });
    await assert.rejects(store.load("doc"), StoreUnavailable);
    await assert.rejects(store.list(""), StoreUnavailable);
    await assert.rejects(store.delete("doc"), StoreUnavailable);
    assert.equal(server.takeRequests().length, 9);
    await assert.rejects(writeData(store, "data/a", pattern(10)), StoreUnavailable);
    server.fault = () => ({ status: 507, code: "XMinioStorageFull" });
    await assert.rejects(writeData(store, "data/a", pattern(10)), StoreFull);
    server.fault = () => ({ status: 403, code: "QuotaExceeded" });
    await assert.rejects(store.save("doc", Buffer.from("x"), absent), StoreFull);
  });

  it("does not wait for a bucket that is silent", async () => {
    server.fault = () => "stall";
    const begun = performance.now();
    await assert.rejects(store.save("doc", Buffer.from("x"), absent), StoreUnavailable);
    assert.ok(performance.now() - begun < 15_000);
    server.fault = () => undefined;
    await store.save("doc", Buffer.from("x"), absent);
  });

  it("reads on where a connection breaks off", async () => {
    const bytes = pattern(5 * MiB);
    await writeData(store, "data/a", bytes);
    const chunks: Buffer[] = [];
    for await (const chunk of await store.read("data/a")) {
      chunks.push(Buffer.from(chunk));
      if (chunks.length === 3) server.cut();
    }
    assert.ok(Buffer.concat(chunks).equals(bytes));
    assert.equal(connection.open, 0);
  });

  it("takes back the parts of an upload that failed", async () => {
    const part = ({ target }: SeenRequest): boolean => target.includes("partNumber=2");
    server.fault = (seen) => (part(seen) ? { status: 500, code: "InternalError" } : undefined);
    const staged = await store.stage("data/large");
    const writing = async (): Promise<void> => {
      for (let sent = 0; sent < 40; sent += 1) await staged.append(pattern(MiB));
      await staged.commit();
    };
    await assert.rejects(writing(), StoreUnavailable);
    await staged.abort();
    assert.equal(server.unfinished, 0);
    assert.deepEqual((await store.list("")).keys, []);
    await store.save("doc", Buffer.from("goes on"), absent);
  });

  it("completes an upload whose last answer was lost", async () => {
    const bytes = pattern(17 * MiB);
    const last = ({ method, target }: SeenRequest): boolean =>
      method === "POST" && target.includes("uploadId=");
    failing("lost-answer", 1, last);
    await writeData(store, "data/large", bytes);
    assert.ok((await collect(await store.read("data/large"))).equals(bytes));
  });

  it("needs one request for small data and two beside the parts for large", async () => {
    await writeData(store, "data/small", pattern(MiB));
    assert.equal(server.takeRequests().length, 1);
    await writeData(store, "data/large", pattern(33 * MiB));
    assert.equal(server.takeRequests().length, 5 + 2);
    await collect(await store.read("data/large"));
    assert.equal(server.takeRequests().length, 1);
  });
});
