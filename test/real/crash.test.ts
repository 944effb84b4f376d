/**
 * T3: a server that is killed at random moments of a mixed load, hundreds of times, as one process and
 * with four workers. After every start all that was acknowledged is there whole, what was not is
 * there whole or absent, and nothing had to be repaired.
 *
 * A kill says nothing about syncs: test/storage/sync-order.test.ts does.
 */
import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { lacking } from "../fixtures/requirements.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { sized } from "../soak.ts";
import { crashAgainAndAgain } from "./crash/crash-run.ts";
import { KillableServer } from "./crash/killable-server.ts";

const variants = [
  { workers: 1, kills: sized(200, 1500) },
  { workers: 4, kills: sized(100, 500) },
];

describe("a server that is killed", { skip: lacking("setsid"), concurrency: 2 }, () => {
  let scratch: string;
  let ca: string;
  let trust: string[];

  before(async () => {
    scratch = await makeScratch("crash");
    const authority = new CertificateAuthority();
    const { key, certificate } = authority.issue("127.0.0.1");
    ca = authority.certificate;
    const [keyFile, certFile] = ["key", "crt"].map((name) => path.join(scratch, `server.${name}`));
    await writeFile(keyFile ?? "", key);
    await writeFile(certFile ?? "", certificate);
    trust = ["--tls-key", keyFile ?? "", "--tls-cert", certFile ?? ""];
  });
  after(() => removeScratch(scratch));

  for (const { workers, kills } of variants) {
    it(`keeps what it acknowledged, ${kills} times, with ${workers} process(es)`, async (test) => {
      const storage = path.join(scratch, `data-${workers}`);
      const flags = [...trust, "--storage", storage, "--workers", String(workers)];
      const start = (): KillableServer => new KillableServer(scratch, flags);
      const figures = await crashAgainAndAgain({ kills, seed: workers, ca, clients: 5, start });
      test.diagnostic(JSON.stringify(figures));
      assert.equal(figures.kills, kills);
      assert.ok(figures.acknowledged > kills, "there was load");
      assert.ok(figures.pulled > kills);
      // Nothing is swept but at a start, and that start swept it all.
      assert.deepEqual(await readdir(path.join(storage, "staging")), []);
    });
  }
});
