/** Protects the certificate that makes the product work without a cluster. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { checkServerIdentity } from "node:tls";
import { promisify } from "node:util";
import { createAuthority, createKey } from "../../src/tls/certificate.ts";
import { certificateNames, coversName } from "../../src/tls/certificate-names.ts";
import { ensureDevelopmentCertificate } from "../../src/tls/development-certificate.ts";
import { loadServerCredentials } from "../../src/tls/server-credentials.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

const run = promisify(execFile);
const vip = "dcos-registry.marathon.l4lb.thisdcos.directory";
const names = [vip, "localhost", "127.0.0.1", "::1"];
const day = 86_400_000;
const hasOpenssl = await run("openssl", ["version"]).then(
  () => true,
  () => false,
);

describe("development certificate", () => {
  let directory: string;
  const at = (name: string) => path.join(directory, name);
  const ensure = (wanted = names, now?: number) =>
    ensureDevelopmentCertificate(directory, wanted, now);
  const server = async () => new X509Certificate(await readFile(at("server.crt")));
  beforeEach(async () => {
    directory = path.join(await makeScratch("tls"), "tls");
  });
  afterEach(() => removeScratch(path.dirname(directory)));

  it("is good for every name, as Node checks it and as nginx does", async () => {
    const long = `${"a".repeat(60)}.example`;
    await ensure([long, ...names, "10.0.0.7"]);
    const certificate = await server();
    for (const name of [vip, long]) assert.equal(certificate.checkHost(name), name);
    for (const address of ["127.0.0.1", "::1", "10.0.0.7"]) {
      assert.equal(checkServerIdentity(address, certificate.toLegacyObject()), undefined);
    }
    assert.match(certificate.subjectAltName ?? "", /DNS:10\.0\.0\.7/);
    assert.ok(!certificate.subject.includes(long), "a common name has 64 characters at most");
    assert.deepEqual(certificateNames(certificate), new Set([long, ...names, "10.0.0.7"]));
  });

  it("keeps keys to their owner and leaves nothing beside the four files", async () => {
    await ensure();
    assert.deepEqual(await readdir(directory), ["ca.crt", "ca.key", "server.crt", "server.key"]);
    for (const name of ["ca.key", "server.key"]) {
      assert.equal((await stat(at(name))).mode & 0o777, 0o600, name);
    }
  });

  it("passes openssl's strict verification", {
    skip: !hasOpenssl && "no openssl here",
  }, async () => {
    await ensure();
    const options = ["-x509_strict", "-purpose", "sslserver", "-CAfile", at("ca.crt")];
    for (const name of [
      ["-verify_hostname", vip],
      ["-verify_ip", "127.0.0.1"],
    ]) {
      const { stdout } = await run("openssl", ["verify", ...options, ...name, at("server.crt")]);
      assert.match(stdout, /OK/);
    }
  });

  it("stays as it is while it is good", async () => {
    await ensure();
    const before = await Promise.all(["ca.crt", "server.crt"].map((name) => readFile(at(name))));
    await ensure([vip, "LOCALHOST", "0:0:0:0:0:0:0:1"]);
    const after = await Promise.all(["ca.crt", "server.crt"].map((name) => readFile(at(name))));
    assert.deepEqual(after, before);
  });

  it("is made anew for more names, keeping the names and the CA it had", async () => {
    await ensure();
    const ca = await readFile(at("ca.crt"));
    await ensure(["registry.example"]);
    const found = certificateNames(await server());
    assert.deepEqual(found, new Set(["registry.example", ...names]));
    assert.deepEqual(await readFile(at("ca.crt")), ca);
  });

  it("is renewed when a third of its life is left, under the same CA", async () => {
    await ensure();
    const first = await server();
    await ensure(names, Date.now() + 200 * day);
    assert.equal((await server()).fingerprint256, first.fingerprint256);
    await ensure(names, Date.now() + 250 * day);
    const second = await server();
    assert.notEqual(second.fingerprint256, first.fingerprint256);
    assert.ok(second.verify(new X509Certificate(await readFile(at("ca.crt"))).publicKey));
  });

  it("comes out whole when many processes make it at once", async () => {
    const script = path.resolve(import.meta.dirname, "../../src/tls/make-development-ca.js");
    const starts = [1, 2, 3, 4].map((n) =>
      run(process.execPath, [script, "--directory", directory, `host-${n}.example`]),
    );
    await Promise.all(starts);
    assert.deepEqual(await readdir(directory), ["ca.crt", "ca.key", "server.crt", "server.key"]);
    const ca = new X509Certificate(await readFile(at("ca.crt")));
    assert.ok((await server()).verify(ca.publicKey));
    await loadServerCredentials({ cert: at("server.crt"), key: at("server.key") });
  });

  it("repairs a damaged server certificate", async () => {
    await ensure();
    await writeFile(at("server.crt"), "half a certifi");
    await ensure();
    assert.equal((await server()).checkHost(vip), vip);
  });

  it("goes on without the CA's key as long as nothing has to be signed", async () => {
    await ensure();
    await rm(at("ca.key"));
    await ensure();
    await assert.rejects(ensure(["new.example"]), /ca\.crt: cannot sign without .*ca\.key/);
  });

  it("refuses files that do not belong together, and an expired CA", async () => {
    await mkdir(directory);
    await writeFile(at("ca.key"), await createKey());
    const key = await createKey();
    await writeFile(at("ca.crt"), createAuthority(key, "other"));
    await assert.rejects(ensure(), { code: "CERTIFICATE_INVALID", file: at("ca.crt") });
    await assert.rejects(ensure(), /does not belong to .*ca\.key; remove both to start anew/);
    await writeFile(at("ca.key"), key);
    await assert.rejects(ensure(names, Date.now() + 4000 * day), /ca\.crt: has expired/);
  });
});

describe("names of a certificate", () => {
  it("cover hosts as clients compare them", () => {
    const covered = new Set(["registry.example", "*.wild.example", "10.0.0.1", "::1"]);
    for (const host of ["REGISTRY.example", "a.wild.example", "10.0.0.1", "[0:0::1]", "::1"]) {
      assert.ok(coversName(covered, host), host);
    }
    for (const host of ["example", "b.a.wild.example", "wild.example", "10.0.0.2", "", "[::g]"]) {
      assert.ok(!coversName(covered, host), host);
    }
  });
});
