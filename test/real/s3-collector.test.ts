/**
 * T4 on a bucket: two servers at two gateways of Ceph, each with a collector of its own, beside load
 * through both. test/server/garbage-collection.test.ts tells the same of a disk.
 */
import { before, describe, it } from "node:test";
import { Pool } from "undici";
import { BucketInstances } from "../fixtures/bucket-instances.ts";
import { BucketSuite } from "../fixtures/bucket-suite.ts";
import { Ceph, cephPrograms } from "../fixtures/ceph.ts";
import { lacking } from "../fixtures/requirements.ts";
import { loadBesideCollector, restlessCollector } from "../server/load-beside-collector.ts";
import { sized } from "../soak.ts";

const operations = sized(3_000, 40_000);

describe("garbage collection in a bucket, beside clients", {
  skip: lacking(...cephPrograms),
}, () => {
  const suite = new BucketSuite("s3-collector", () => Ceph.start());
  let pools: readonly Pool[];

  before(async () => {
    const instances = await BucketInstances.start(suite.bucket, 2, restlessCollector);
    suite.atEnd(() => instances.stop());
    const connect = { ca: instances.ca };
    pools = instances.urls.map((url) => new Pool(url, { connections: 8, connect }));
    suite.atEnd(async () => void (await Promise.all(pools.map((pool) => pool.close()))));
  });

  it("shows no client anything, with two instances that collect", async (context) => {
    const { store, connection } = await suite.bucket.open("instances");
    try {
      const load = { pools, store, operations, seed: 5 };
      context.diagnostic(await loadBesideCollector(load));
    } finally {
      connection.close();
    }
  });
});
