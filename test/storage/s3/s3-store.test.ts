/** The S3 adapter keeps the contract of the port; here before a small server, in test/real before real ones. */
import { after, before, describe } from "node:test";
import { S3Bucket } from "../../fixtures/s3-bucket.ts";
import { S3Server } from "../../fixtures/s3-server.ts";
import { describeObjectStore } from "../object-store-contract.ts";

describe("a store in a bucket", () => {
  let server: S3Server;
  let bucket: S3Bucket;

  before(async () => {
    server = await S3Server.start();
    bucket = await S3Bucket.create(server.place);
  });

  after(async () => {
    await bucket?.close();
    await server?.close();
  });

  describeObjectStore("S3", () => bucket.underTest());
});
