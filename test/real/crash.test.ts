/**
 * T3: a server that is killed at random moments of a mixed load, hundreds of times, as one process and
 * with four workers. After every start all that was acknowledged is there whole, what was not is
 * there whole or absent, and nothing had to be repaired.
 *
 * A kill says nothing about syncs: test/storage/sync-order.test.ts does.
 */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { type ServerCertificate, writeServerCertificate } from "../fixtures/server-certificate.ts";
import { sized } from "../soak.ts";
import { crashAgainAndAgain } from "./crash/crash-run.ts";
import { KillableServer } from "./crash/killable-server.ts";

/** A start costs one to seven seconds of work, most of them for the code itself. */
const variants = [
  { name: "one", workers: 1, kills: sized(135, 750) },
  { name: "another", workers: 1, kills: sized(135, 750) },
  { name: "workers", workers: 4, kills: sized(30, 500) },
];

describe("a server that is killed", { skip: lacking("setsid"), concurrency: 3 }, () => {
  let scratch: string;
  let certificate: ServerCertificate;

  before(async () => {
    scratch = await makeScratch("crash");
    certificate = await writeServerCertificate(scratch);
  });
  after(() => removeScratch(scratch));

  for (const [number, { name, workers, kills }] of variants.entries()) {
    it(`keeps what it acknowledged, ${kills} times, with ${workers} process(es): ${name}`, async (test) => {
      const storage = path.join(scratch, name);
      const { ca, flags: trust } = certificate;
      const flags = [...trust, "--storage", storage, "--workers", String(workers)];
      const start = (): KillableServer => new KillableServer(scratch, flags);
      const figures = await crashAgainAndAgain({ kills, seed: 1 + number, ca, clients: 5, start });
      test.diagnostic(JSON.stringify(figures));
      assert.equal(figures.kills, kills);
      assert.ok(figures.acknowledged > kills, "there was load");
      assert.ok(figures.pulled > kills);
      // Nothing is swept but at a start, and that start swept it all.
      assert.deepEqual(await readdir(path.join(storage, "staging")), []);
    });
  }
});
