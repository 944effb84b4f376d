/** Protects the registry's own login at IAM (D3): what is sent, how long it is used, and each failure. */
import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { Agent } from "undici";
import {
  ClusterUnreachable,
  LoginRefused,
  ServiceAccountInvalid,
} from "../../src/cluster/cluster-error.ts";
import { ClusterHttp } from "../../src/cluster/cluster-http.ts";
import { parseServiceAccount, readServiceAccount } from "../../src/cluster/service-account.ts";
import { ServiceAccountLogin } from "../../src/cluster/service-account-login.ts";
import { DcosMaster, rsaKeys } from "../fixtures/dcos-master.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

const loginRoute = "POST /acs/api/v1/auth/login";
const hour = 3_600_000;

describe("secret of a service account", () => {
  const pem = rsaKeys().privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const good = {
    scheme: "RS256",
    uid: "registry",
    private_key: pem,
    login_endpoint: "https://leader.mesos/acs/api/v1/auth/login",
    expire: 300,
  };

  it("is read with either form of key, and with fields that nobody knows", () => {
    const pkcs1 = createPkcs1();
    for (const key of [pem, pkcs1]) {
      const { uid, loginEndpoint, privateKey } = parseServiceAccount(
        "s",
        JSON.stringify({ ...good, private_key: key }),
      );
      assert.deepEqual([uid, loginEndpoint.href], ["registry", good.login_endpoint]);
      assert.equal(createPublicKey(privateKey).asymmetricKeyType, "rsa");
    }
  });

  it("is refused with the part that is wrong, and no part of its content", () => {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const elliptic = privateKey.export({ type: "pkcs8", format: "pem" });
    const wrong: [object, RegExp][] = [
      [{ ...good, scheme: "HS256" }, /"scheme" is not RS256/],
      [{ ...good, uid: "" }, /no "uid"/],
      [{ ...good, uid: 7 }, /no "uid"/],
      [{ ...good, private_key: undefined }, /no "private_key"/],
      [{ ...good, private_key: "hidden-value" }, /is no PEM private key/],
      [{ ...good, private_key: elliptic }, /is no RSA key/],
      [{ ...good, login_endpoint: "leader.mesos" }, /no http or https URL/],
      [{ ...good, login_endpoint: "https://hidden-value@x/" }, /no http or https URL/],
      [{ ...good, login_endpoint: "ftp://hidden-value/" }, /no http or https URL/],
      [[good], /no JSON object/],
    ];
    for (const [secret, pattern] of wrong) {
      assert.throws(
        () => parseServiceAccount("the file", JSON.stringify(secret)),
        (error) => {
          assert.ok(error instanceof ServiceAccountInvalid);
          assert.match(error.message, /^service account in the file: /);
          assert.match(error.message, pattern);
          assert.doesNotMatch(error.message, /hidden-value/);
          return true;
        },
      );
    }
    assert.throws(() => parseServiceAccount("s", "{hidden-value"), /no JSON object$/);
  });

  function createPkcs1(): string {
    return rsaKeys().privateKey.export({ type: "pkcs1", format: "pem" }).toString();
  }
});

describe("login of a service account", () => {
  let master: DcosMaster;
  let agent: Agent;
  let directory: string;
  let file: string;
  let now = 0;
  const clock = () => now;
  const open = (patienceMs?: number): ServiceAccountLogin => {
    const http = new ClusterHttp(agent, patienceMs);
    return new ServiceAccountLogin(() => readServiceAccount({ file }), http, clock);
  };

  before(async () => {
    directory = await makeScratch("account");
    file = path.join(directory, "secret.json");
  });
  after(() => removeScratch(directory));
  beforeEach(async () => {
    now = Date.now();
    master = await DcosMaster.start();
    master.now = clock;
    agent = new Agent();
    await writeFile(file, JSON.stringify(master.addAccount("registry")));
  });
  afterEach(async () => {
    await agent.close();
    await master.close();
  });

  it("proves the key, once for all who ask at the same time", async () => {
    const login = open();
    const tokens = await Promise.all([login.token(), login.token(), login.token()]);
    assert.equal(new Set(tokens).size, 1);
    assert.equal(await login.token(), tokens[0]);
    assert.equal(master.count(loginRoute), 1);
  });

  it("is renewed before the token ends", async () => {
    master.tokenLifeSeconds = 4 * 3600;
    const login = open();
    const first = await login.token();
    now += 3 * hour - 1000;
    assert.equal(await login.token(), first);
    now += 2000;
    assert.notEqual(await login.token(), first);
  });

  it("goes on with a token that is still good while IAM is away, and not longer", async () => {
    master.tokenLifeSeconds = 4 * 3600;
    const login = open();
    const first = await login.token();
    master.instead = () => [503, "<html>503</html>", "text/html"];
    now += 3.5 * hour;
    assert.equal(await login.token(), first);
    now += hour;
    await assert.rejects(login.token(), LoginRefused);
  });

  it("is repeated when a token is refused, once for each request", async () => {
    const login = open();
    master.revoke(await login.token());
    const http = new ClusterHttp(agent);
    master.permitted.add("registry");
    const url = `${master.url}/service/any/`;
    const send = (token: string) => http.exchange({ method: "GET", url, token });
    assert.equal((await login.authorized(send)).status, 200);
    assert.equal(master.count(loginRoute), 2);
    master.instead = ({ route }) => (route.startsWith("/service/") ? [401] : undefined);
    assert.equal((await login.authorized(send)).status, 401);
    assert.equal(master.count(loginRoute), 3);
  });

  it("takes up a secret that was replaced", async () => {
    const login = open();
    master.accounts.delete("registry");
    await assert.rejects(login.token(), LoginRefused);
    await writeFile(file, JSON.stringify(master.addAccount("registry")));
    assert.ok(await login.token());
  });

  it("says for each failure what it was", async () => {
    const login = open(200);
    const other = JSON.stringify({ ...master.addAccount("other"), uid: "registry" });
    const failures: [string, () => void, RegExp][] = [
      ["a deleted account", () => master.accounts.delete("registry"), /ERR_INVALID_CREDENTIALS/],
      [
        "a redirect",
        () => (master.instead = () => [307, ""]),
        /refuses .*307 .*not sent elsewhere/,
      ],
      ["no token", () => (master.instead = () => [200, {}]), /without a token/],
      ["a page", () => (master.instead = () => [200, "<html>"]), /without a token/],
      [
        "wrong data",
        () => (master.instead = () => [400, { code: "ERR_INVALID_DATA" }]),
        /400 ERR_INV/,
      ],
    ];
    for (const [what, arrange, pattern] of failures) {
      arrange();
      await assert.rejects(login.token(), (error) => {
        assert.ok(error instanceof LoginRefused, what);
        assert.match(error.message, pattern);
        return true;
      });
    }
    master.instead = () => "hang";
    await assert.rejects(login.token(), (error) => {
      assert.ok(error instanceof ClusterUnreachable);
      assert.match(error.message, /^no answer from http:.*login \(ETIMEDOUT\)$/);
      return true;
    });
    master.instead = () => [200, "x".repeat(2 * 1024 * 1024)];
    await assert.rejects(login.token(), /far too long/);
    master.instead = () => undefined;
    master.addAccount("registry");
    await writeFile(file, other);
    await assert.rejects(login.token(), /service account registry: 401 .*a clock is wrong/);
    await writeFile(file, "nothing");
    await assert.rejects(login.token(), ServiceAccountInvalid);
  });

  it("fails with a clock that is far behind, and says that it may be the clock", async () => {
    const login = open();
    master.now = () => now + hour;
    await assert.rejects(login.token(), /a clock is wrong/);
  });
});
