/** Ceph's S3 gateway keeps the contract of the port, through two gateways at a time. */
import { after, before, describe } from "node:test";
import { Ceph, cephPrograms } from "../fixtures/ceph.ts";
import { lacking } from "../fixtures/requirements.ts";
import { S3Bucket } from "../fixtures/s3-bucket.ts";
import { describeObjectStore } from "../storage/object-store-contract.ts";

describe("a store on Ceph", { skip: lacking(...cephPrograms) }, () => {
  let ceph: Ceph;
  let bucket: S3Bucket;

  before(async () => {
    ceph = await Ceph.start();
    bucket = await S3Bucket.create(ceph.place);
  });

  after(async () => {
    await bucket?.close();
    await ceph?.stop();
  });

  describeObjectStore("S3 on Ceph", () => bucket.underTest());
});
