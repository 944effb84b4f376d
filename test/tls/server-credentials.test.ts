/** Protects a server from starting with a certificate that clients would refuse. */
import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { createAuthority, createKey, issueServerCertificate } from "../../src/tls/certificate.ts";
import { CertificateInvalid } from "../../src/tls/certificate-error.ts";
import { loadServerCredentials } from "../../src/tls/server-credentials.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { type Chain, makeChain } from "./chain-fixture.ts";

const day = 86_400_000;

describe("server credentials", () => {
  let directory: string;
  let chain: Chain;
  before(async () => {
    directory = await makeScratch("credentials");
    chain = await makeChain();
  });
  after(() => removeScratch(directory));

  async function load(files: { cert: string; key: string; ca?: string }, now?: number) {
    const written = Object.entries(files).map(async ([name, text]) => {
      const file = path.join(directory, name);
      await writeFile(file, text);
      return [name, file] as const;
    });
    const named = Object.fromEntries(await Promise.all(written)) as typeof files;
    return loadServerCredentials(named, now);
  }

  function subjects(pem: string): string[] {
    const found = pem.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
    return found.map((text) => new X509Certificate(text).subject);
  }

  const served = ["CN=Leaf", "CN=Second", "CN=First"];

  it("serve leaf and intermediates without the root, whatever the order in the files", async () => {
    const key = chain.leafKey;
    const [root = "", first = "", second = "", leaf = ""] = chain.certificates;
    const layouts = [
      { cert: leaf + second + first + root },
      { cert: root + first + leaf + second },
      { cert: leaf, ca: first + second },
      { cert: leaf, ca: root + second + first },
      { cert: leaf + second, ca: first + leaf + createAuthority(await createKey(), "unrelated") },
    ];
    for (const layout of layouts) {
      const credentials = await load({ ...layout, key });
      assert.deepEqual(subjects(credentials.chain), served);
      assert.deepEqual(credentials.names, new Set(["localhost"]));
    }
  });

  it("serve a self-signed certificate alone", async () => {
    const key = await createKey();
    const credentials = await load({ cert: createAuthority(key, "alone"), key });
    assert.deepEqual(subjects(credentials.chain), ["CN=alone"]);
  });

  it("take keys of every form and certificates with text around them", async () => {
    const [, first = "", second = "", leaf = ""] = chain.certificates;
    const pkcs1 = createPrivateKey(chain.leafKey).export({ type: "pkcs1", format: "pem" });
    const cert = `Certificate:\r\n  Data:\r\n${leaf}\r\n# more\r\n${second}${first}`;
    await load({ cert, key: pkcs1.toString() });
  });

  it("say what is wrong and in which file", async () => {
    const [root = "", , , leaf = ""] = chain.certificates;
    const key = chain.leafKey;
    const encrypted = createPrivateKey(key)
      .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" })
      .toString();
    const ecKey = generateKeyPairSync("ec", { namedCurve: "P-256" })
      .privateKey.export({ type: "pkcs8", format: "pem" })
      .toString();
    const damagedKey = key.replace(/\n.{64}\r?\n/, "\n");
    const cases: [{ cert: string; key: string; ca?: string }, string, RegExp][] = [
      [{ cert: leaf, key: await createKey() }, "key", /is not the key of a certificate in .*cert/],
      [{ cert: leaf, key: ecKey }, "key", /their kinds: rsa and ec/],
      [{ cert: leaf, key: encrypted }, "key", /is encrypted; store it without passphrase/],
      [{ cert: leaf, key: damagedKey }, "key", /the private key is damaged/],
      [{ cert: leaf, key: leaf }, "key", /holds no PEM private key, only: certificate/],
      [{ cert: key, key }, "cert", /holds no PEM certificate, only: private key/],
      [{ cert: "", key }, "cert", /holds no PEM certificate, it is empty/],
      [{ cert: "hello", key }, "cert", /it is no PEM file/],
      [{ cert: leaf.replace(/\n.{64}\r?\n/, "\n"), key }, "cert", /certificate 1 is damaged/],
      [{ cert: leaf, key, ca: "hello" }, "ca", /holds no PEM certificate/],
      [{ cert: root, key }, "key", /is not the key/],
    ];
    for (const [files, file, message] of cases) {
      await assert.rejects(load(files), (error) => {
        assert.ok(error instanceof CertificateInvalid);
        assert.equal(error.file, path.join(directory, file));
        assert.match(error.message, message);
        const body = key.split("\n")[1] ?? "";
        assert.ok(!`${error.stack}${error.cause}`.includes(body), "no part of the key is told");
        return true;
      });
    }
    const absent = path.join(directory, "absent");
    await assert.rejects(loadServerCredentials({ cert: absent, key: absent }), /\(ENOENT\)/);
  });

  it("refuse what has expired or is not valid yet", async () => {
    const [, , , cert = ""] = chain.certificates;
    const key = chain.leafKey;
    await assert.rejects(load({ cert, key }, Date.now() + 2 * day), /expired on /);
    await assert.rejects(load({ cert, key }, Date.now() - 2 * day), /valid only from .*clock/);
  });

  it("refuse keys too short for TLS", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 512 });
    const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const authority = { key: await createKey(), certificate: "" };
    const ca = { ...authority, certificate: createAuthority(authority.key, "CA") };
    const cert = issueServerCertificate(ca, key, ["localhost"]);
    await assert.rejects(load({ cert, key }), /TLS refuses the certificate or its key/);
  });
});
