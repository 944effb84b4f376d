/** Protects the verdict on a store: only one that arbitrates for certain may be shared. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { openS3 } from "../../../src/storage/s3/open-s3.ts";
import type { Verdict } from "../../../src/storage/s3/probe.ts";
import { StoreUnavailable } from "../../../src/storage/store-error.ts";
import { S3Bucket } from "../../fixtures/s3-bucket.ts";
import { S3Server } from "../../fixtures/s3-server.ts";

describe("the probe of a bucket", () => {
  let server: S3Server;
  let bucket: S3Bucket;

  beforeEach(async () => {
    server = await S3Server.start();
    bucket = await S3Bucket.create(server.place);
  });

  afterEach(async () => {
    await bucket.close();
    await server.close();
  });

  const verdict = async (overlap = true): Promise<Verdict> =>
    (await openS3(bucket.options("x"), { overlap })).verdict;

  it("passes a store that keeps conditions, in less than a hundred requests", async () => {
    server.takeRequests();
    assert.deepEqual(await verdict(), { arbitrates: true, etagStyle: "quoted" });
    const { length } = server.takeRequests();
    assert.ok(length < 100, `${length} requests`);
    assert.equal((await verdict(false)).arbitrates, true);
    assert.ok(server.takeRequests().length < 15);
  });

  it("names the step at which a store fails that ignores conditions", async () => {
    server.conditions = "ignored";
    assert.deepEqual(await verdict(), {
      arbitrates: false,
      failedStep: "create if absent: an existing object was replaced",
    });
  });

  it("names the step at which a store fails that knows no conditions", async () => {
    server.conditions = "refused";
    assert.deepEqual(await verdict(), {
      arbitrates: false,
      failedStep: "create if absent: not supported",
    });
  });

  it("finds out a store that looks before the body has come, by writers that overlap", async () => {
    server.conditions = "checked-early";
    const found = await verdict();
    assert.ok(!found.arbitrates);
    assert.match(found.failedStep, /^create: two writers at the same time, [12] accepted$/);
    assert.equal((await verdict(false)).arbitrates, true, "not found without overlap");
  });

  it("leaves nothing behind, whatever it finds", async () => {
    const before = server.keys;
    for (const conditions of ["kept", "ignored", "refused", "checked-early"] as const) {
      server.conditions = conditions;
      await verdict();
      assert.deepEqual(server.keys, before, conditions);
    }
  });

  it("says nothing of a store that does not answer", async () => {
    server.fault = () => ({ status: 503, code: "SlowDown" });
    await assert.rejects(verdict(), StoreUnavailable);
    server.fault = () => ({ status: 403, code: "AccessDenied" });
    await assert.rejects(verdict(), /AccessDenied/);
  });
});
