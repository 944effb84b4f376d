/**
 * T3 on a bucket: the same load and the same looks as in crash.test.ts, with parts of uploads and
 * conditional writes on their way to Ceph when the server is killed.
 */
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { before, describe, it } from "node:test";
import { BucketSuite } from "../fixtures/bucket-suite.ts";
import { Ceph, cephPrograms } from "../fixtures/ceph.ts";
import { lacking } from "../fixtures/requirements.ts";
import { type ServerCertificate, writeServerCertificate } from "../fixtures/server-certificate.ts";
import { measureGarbage } from "../server/stored-garbage.ts";
import { sized } from "../soak.ts";
import { crashAgainAndAgain } from "./crash/crash-run.ts";
import { KillableServer } from "./crash/killable-server.ts";

/** A start costs seconds of work, most of them for the code itself: so few of these have workers. */
const variants = [
  { name: "one", workers: 1, kills: sized(45, 500) },
  { name: "another", workers: 1, kills: sized(45, 500) },
  { name: "workers", workers: 2, kills: sized(12, 200) },
];

const skip = lacking(...cephPrograms, "setsid");

describe("a server on a bucket that is killed", { skip, concurrency: 3 }, () => {
  const suite = new BucketSuite("crash-s3", () => Ceph.start());
  let certificate: ServerCertificate;

  before(async () => {
    certificate = await writeServerCertificate(suite.scratch);
  });

  for (const [seed, { name, workers, kills }] of variants.entries()) {
    it(`keeps what it acknowledged, ${kills} times, with ${workers} process(es): ${name}`, async (test) => {
      const directory = path.join(suite.scratch, name);
      await mkdir(directory);
      const flags = [...certificate.flags, "--workers", String(workers)];
      flags.push("--storage", directory, ...(await suite.flags(name)));
      const start = (): KillableServer => new KillableServer(directory, flags);
      const { ca } = certificate;
      const run = { kills, seed: 100 + seed, ca, clients: 5, largeBlobs: true, start };
      const figures = await crashAgainAndAgain(run);
      const { store, connection } = await suite.bucket.open(name);
      const { dangling } = await measureGarbage(store);
      const unfinished = await store.unfinished();
      connection.close();
      test.diagnostic(JSON.stringify({ ...figures, unfinished: unfinished.length }));
      assert.equal(figures.kills, kills);
      assert.ok(figures.acknowledged > kills, "there was load");
      assert.ok(figures.pulled > kills);
      assert.deepEqual(dangling, []);
    });
  }
});
