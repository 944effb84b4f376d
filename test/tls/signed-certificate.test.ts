/** Protects the certificate that the cluster's CA signs: what is asked for, kept, and done without the CA. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { connect, type TLSSocket } from "node:tls";
import { CertificateInvalid } from "../../src/tls/certificate-error.ts";
import { watchServerCredentials } from "../../src/tls/credential-watch.ts";
import { isDevelopmentIssuer } from "../../src/tls/development-certificate.ts";
import { keepRenewed, type RenewalOptions, retryMs } from "../../src/tls/keep-renewed.ts";
import { loadServerCredentials, tlsOptions } from "../../src/tls/server-credentials.ts";
import { SignedCertificate } from "../../src/tls/signed-certificate.ts";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

const names = ["dcos-registry.marathon.l4lb.thisdcos.directory", "localhost", "10.0.0.7", "::1"];
const day = 86_400_000;
const never = new AbortController().signal;

describe("signed certificate", () => {
  const authority = new CertificateAuthority();
  let directory: string;
  let requests: string[];
  const sign = async (request: string): Promise<string> => {
    requests.push(request);
    return authority.sign(request) + authority.certificate;
  };
  const open = (more: Partial<ConstructorParameters<typeof SignedCertificate>[0]> = {}) =>
    new SignedCertificate({ directory, names, sign, ...more });
  const load = (file: string) => loadServerCredentials({ cert: file, key: file });
  beforeEach(async () => {
    requests = [];
    directory = await makeScratch("signed");
  });
  afterEach(() => removeScratch(directory));

  it("has the names in the forms of nginx, Node and curl, and a new key each time", async () => {
    const certificate = open();
    await certificate.renew(never);
    const first = await load(certificate.file);
    await certificate.renew(never);
    const second = await load(certificate.file);
    assert.notEqual(first.key, second.key);
    assert.deepEqual(first.names, new Set(names));
    const asked = authority.namesIn(requests[0] ?? "");
    assert.deepEqual(asked, [
      `DNS:${names[0]}`,
      "DNS:localhost",
      "IP:10.0.0.7",
      "DNS:10.0.0.7",
      "IP:::1",
    ]);
  });

  it("keeps its key to its owner, in one file without the root", async () => {
    const certificate = open();
    await certificate.renew(never);
    assert.deepEqual(await readdir(directory), ["cluster.pem"]);
    assert.equal((await stat(certificate.file)).mode & 0o777, 0o600);
    const text = await readFile(certificate.file, "utf8");
    assert.equal(text.match(/BEGIN CERTIFICATE/g)?.length, 1);
  });

  it("is due when two thirds of its life since it was got are over", async () => {
    const certificate = open();
    const { dueMs, endsMs } = await certificate.renew(never);
    const now = Date.now();
    assert.ok(Math.abs(endsMs - now - 30 * day) < 60_000);
    assert.ok(Math.abs(dueMs - now - 20 * day) < 60_000);
    const got = new Date(now - 0.5 * day);
    await utimes(certificate.file, got, got);
    const later = await open().state();
    assert.equal(later.endsMs, endsMs);
    assert.ok(later.dueMs < dueMs);
  });

  it("is due at once for another name, and none when it has ended or is damaged", async () => {
    const certificate = open();
    const { endsMs } = await certificate.renew(never);
    const renamed = await open({ names: [...names, "other.example"] }).state();
    assert.deepEqual(renamed, { dueMs: 0, endsMs });
    const none = { dueMs: 0, endsMs: 0 };
    assert.deepEqual(await open({ now: () => endsMs }).state(), none);
    await writeFile(certificate.file, "damaged");
    assert.deepEqual(await open().state(), none);
  });

  it("leaves the old one in place when the answer is of no use", async () => {
    const certificate = open();
    await certificate.renew(never);
    const before = await readFile(certificate.file, "utf8");
    const useless = [authority.certificate, "<html>", authority.issue("localhost").certificate];
    for (const answer of useless) {
      await assert.rejects(open({ sign: async () => answer }).renew(never), (error) => {
        assert.ok(error instanceof CertificateInvalid);
        assert.match(error.message, /cluster's CA|new key/);
        return true;
      });
    }
    assert.equal(await readFile(certificate.file, "utf8"), before);
    assert.deepEqual(await readdir(directory), ["cluster.pem"]);
  });

  it("has a stand-in that serves and never counts as one", async () => {
    const certificate = open();
    await certificate.standIn();
    const { names: covered, issuer } = await load(certificate.file);
    assert.ok(names.every((name) => covered.has(name)));
    assert.ok(isDevelopmentIssuer(issuer));
    assert.deepEqual(await certificate.state(), { dueMs: 0, endsMs: 0 });
    await certificate.renew(never);
    assert.ok((await certificate.state()).endsMs > 0);
  });

  it("is swapped under open connections", async () => {
    const certificate = open();
    await certificate.standIn();
    const files = { cert: certificate.file, key: certificate.file };
    const current = await loadServerCredentials(files);
    const server = createServer(tlsOptions(current), (_request, response) => response.end("ok"));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const dial = async (): Promise<TLSSocket> => {
      const socket = connect({ port, rejectUnauthorized: false });
      await once(socket, "secureConnect");
      return socket;
    };
    const old = await dial();
    const stop = new AbortController();
    const swapped = new Promise<void>((resolve, reject) =>
      watchServerCredentials(files, current, {
        intervalMs: 10,
        signal: stop.signal,
        onChange: (found) => {
          server.setSecureContext(tlsOptions(found));
          resolve();
        },
        onError: reject,
      }),
    );
    await certificate.renew(never);
    await swapped;
    const fresh = await dial();
    assert.notEqual(fresh.getPeerCertificate().fingerprint256, current.fingerprint);
    old.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const [answer] = await once(old, "data");
    assert.match(String(answer), /^HTTP\/1\.1 200/);
    stop.abort();
    for (const socket of [old, fresh]) socket.destroy();
    server.close();
    await once(server, "close");
  });
});

describe("renewal", () => {
  const life = 300 * day;
  let now: number;
  let pauses: number[];
  let stop: AbortController;
  const failures: number[] = [];
  /** A clock that stands until the renewal waits; at most so many waits. */
  const run = async (
    renew: () => Promise<{ dueMs: number; endsMs: number }>,
    options: Partial<RenewalOptions> = {},
    waits = 1000,
  ) => {
    await keepRenewed(
      { renew },
      {
        signal: stop.signal,
        state: { dueMs: now, endsMs: now + life / 3 },
        now: () => now,
        pause: async (ms) => {
          pauses.push(ms);
          now += ms;
          if (pauses.length >= waits) stop.abort();
        },
        onRenewed: () => undefined,
        onError: (_error, ms) => failures.push(ms),
        ...options,
      },
    );
  };
  before(() => {
    failures.length = 0;
  });
  beforeEach(() => {
    now = 1_000_000;
    pauses = [];
    stop = new AbortController();
  });
  after(() => stop.abort());

  it("comes when it is due, by pauses that no change of the clock outlasts", async () => {
    const renewals: number[] = [];
    await run(
      async () => {
        renewals.push(now);
        return { dueMs: now + 10 * day, endsMs: now + 15 * day };
      },
      {},
      1 + 240 * 2,
    );
    assert.deepEqual(renewals, [1_000_000, 1_000_000 + 10 * day]);
    assert.ok(pauses.every((ms) => ms <= 3_600_000));
  });

  it("is repeated ever less often, and until it succeeds", async () => {
    let tries = 0;
    const away = new Error("away");
    await run(async () => {
      tries += 1;
      if (tries < 12) throw away;
      stop.abort();
      return { dueMs: now + day, endsMs: now + 2 * day };
    });
    assert.deepEqual(
      pauses.slice(0, 9),
      [0, 5, 10, 20, 40, 80, 160, 320, 600].map((s) => s * 1000),
    );
    assert.equal(tries, 12);
    assert.equal(failures.length, 11);
  });

  it("is tried several times before a short certificate ends, and goes on afterwards", () => {
    for (const leftMs of [10_000, 60_000, day, life]) {
      let left = leftMs;
      let tries = 0;
      while (left > 0 && tries < 10) {
        tries += 1;
        left -= retryMs(tries, left);
      }
      assert.equal(tries, 10, `${leftMs} ms`);
    }
    assert.equal(retryMs(1, 0), 5000);
    assert.equal(retryMs(20, -day), 60_000);
  });
});
