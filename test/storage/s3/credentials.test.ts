/** Protects the rotation of access keys under a running server, and that they are told to nobody. */
import assert from "node:assert/strict";
import { rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { openCredentialsFile, S3CredentialsInvalid } from "../../../src/storage/s3/credentials.ts";
import { storeFor } from "../../../src/storage/s3/open-s3.ts";
import { S3Connection } from "../../../src/storage/s3/s3-client.ts";
import { S3RequestFailed } from "../../../src/storage/s3/s3-error.ts";
import { S3Bucket } from "../../fixtures/s3-bucket.ts";
import { S3Server } from "../../fixtures/s3-server.ts";
import { makeScratch, removeScratch } from "../../fixtures/scratch.ts";

const unexpected = (error: unknown): void => assert.fail(String(error));

describe("a file of access keys", () => {
  let directory: string;
  let file: string;

  beforeEach(async () => {
    directory = await makeScratch("credentials");
    file = path.join(directory, "credentials");
  });

  afterEach(() => removeScratch(directory));

  const profiles = (id: string): string =>
    `# ours\n[other]\naws_access_key_id=X\naws_secret_access_key=Y\n\n[ default ]\r\naws_access_key_id = ${id} \r\nAWS_SECRET_ACCESS_KEY = s=/+${id}\n; end\n`;

  it("gives the keys of its profile, and a token where there is one", async () => {
    await writeFile(
      file,
      `${profiles("A")}[profile t]\naws_access_key_id=1\naws_secret_access_key=2\naws_session_token=3\n`,
    );
    const usual = await openCredentialsFile({ file, profile: "default", onError: unexpected });
    const { accessKeyId, secretAccessKey, sessionToken } = await usual();
    assert.deepEqual([accessKeyId, secretAccessKey, sessionToken], ["A", "s=/+A", undefined]);
    const token = await openCredentialsFile({ file, profile: "t", onError: unexpected });
    assert.equal((await token()).sessionToken, "3");
  });

  it("follows the file, and goes on with the last keys while it is unusable", async () => {
    await writeFile(file, profiles("A"));
    const errors: unknown[] = [];
    const onError = (error: unknown) => errors.push(error);
    const source = await openCredentialsFile({ file, profile: "default", onError });
    await writeFile(`${file}.new`, profiles("B"));
    await rename(`${file}.new`, file);
    assert.equal((await source()).accessKeyId, "B");
    await rm(file);
    assert.equal((await source()).accessKeyId, "B");
    assert.equal((await source()).accessKeyId, "B");
    assert.equal(errors.length, 1, "told once");
    await writeFile(file, profiles("C"));
    assert.equal((await source()).accessKeyId, "C");
  });

  it("refuses at the start what cannot be used, without repeating it", async () => {
    const open = () => openCredentialsFile({ file, profile: "p", onError: unexpected });
    await assert.rejects(open(), /cannot be read \(ENOENT\)/);
    for (const text of ["", "[p]\n", "[p]\naws_access_key_id=KEYID\n", "KEYID", "[q]\nx=KEYID"]) {
      await writeFile(file, text);
      await assert.rejects(open(), (error: Error) => {
        assert.ok(error instanceof S3CredentialsInvalid);
        assert.doesNotMatch(error.message, /KEYID/);
        return true;
      });
    }
  });

  it("reaches the next requests of a running client", async () => {
    const server = await S3Server.start();
    const bucket = await S3Bucket.create(server.place);
    await writeFile(file, profiles("OLD"));
    const credentials = await openCredentialsFile({
      file,
      profile: "default",
      onError: unexpected,
    });
    const connection = new S3Connection({ ...bucket.options("x"), credentials });
    try {
      const store = storeFor(connection, { arbitrates: true, etagStyle: "quoted" });
      const keyNow = async (): Promise<string | undefined> => {
        server.takeRequests();
        await store.stat("a");
        return server.takeRequests()[0]?.accessKey;
      };
      assert.equal(await keyNow(), "OLD");
      await writeFile(file, profiles("NEW"));
      const deadline = performance.now() + 10_000;
      while ((await keyNow()) !== "NEW") assert.ok(performance.now() < deadline, "not taken over");
    } finally {
      connection.close();
      await bucket.close();
      await server.close();
    }
  });

  it("is told to nobody when the server repeats keys in its refusal", async () => {
    const server = await S3Server.start();
    const bucket = await S3Bucket.create(server.place);
    server.fault = () => ({ status: 403, code: "InvalidAccessKeyId" });
    const connection = new S3Connection(bucket.options("x"));
    try {
      const store = storeFor(connection, { arbitrates: true, etagStyle: "quoted" });
      await assert.rejects(store.load("a"), (error: Error) => {
        assert.match(error.message, /load a failed \(InvalidAccessKeyId\)/);
        assert.ok(error.cause instanceof S3RequestFailed);
        const shown = JSON.stringify([error, error.cause, String(error.cause), error.cause.stack]);
        assert.doesNotMatch(shown, /TESTKEY/);
        return true;
      });
    } finally {
      connection.close();
      await bucket.close();
      await server.close();
    }
  });
});
