/** Protects who of the cluster may write (D3): which tokens are good, for how long, and while IAM is away. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { afterEach, beforeEach, describe, it } from "node:test";
import { exportSPKI, SignJWT } from "jose";
import { Agent } from "undici";
import { UsersUnavailable } from "../../src/cluster/cluster-error.ts";
import { ClusterHttp } from "../../src/cluster/cluster-http.ts";
import { servicePermission } from "../../src/cluster/service-permission.ts";
import { TokenKeys } from "../../src/cluster/token-keys.ts";
import { UserTokens } from "../../src/cluster/user-tokens.ts";
import { DcosMaster, rsaKeys } from "../fixtures/dcos-master.ts";

const jwks = "GET /acs/api/v1/auth/jwks";
const question = "GET /service/folder/registry/health";

describe("tokens of the cluster's users", () => {
  let master: DcosMaster;
  let agent: Agent;
  let now: number;
  let problems: unknown[];
  const clock = () => now;
  const open = (allow: readonly string[], permission = false): UserTokens => {
    const http = new ClusterHttp(agent, 1000);
    const base = async () => new URL(master.url);
    const keys = new TokenKeys(base, http, (error) => problems.push(error), clock);
    const mayUse = servicePermission(base, http, "folder/registry");
    return new UserTokens({ keys, allow, now: clock, ...(permission && { mayUse }) });
  };
  const seconds = (n: number): number => Math.floor(now / 1000) + n;

  beforeEach(async () => {
    now = Date.now();
    problems = [];
    master = await DcosMaster.start();
    master.now = clock;
    agent = new Agent();
  });
  afterEach(async () => {
    await agent.close();
    await master.close();
  });

  it("are good for those who are named, and for nobody else", async () => {
    const users = open(["alice"]);
    assert.equal(await users.userOf(await master.tokenOf("alice")), "alice");
    assert.equal(await users.userOf(await master.tokenOf("bob")), undefined);
    assert.equal(await users.userOf(await master.tokenOf("Alice")), undefined);
    assert.equal(master.count(jwks), 1, "the keys are kept");
  });

  it("end when they say, give or take a minute of clocks", async () => {
    const users = open(["alice"]);
    const token = await master.tokenOf("alice", 600);
    assert.equal(await users.userOf(token), "alice");
    now += 655_000;
    assert.equal(await users.userOf(token), "alice");
    now += 10_000;
    assert.equal(await users.userOf(token), undefined);
  });

  it("are refused when anything about them is not as IAM makes them", async () => {
    const users = open(["alice"]);
    const good = await master.tokenOf("alice");
    assert.equal(await users.userOf(good), "alice");
    const [header = "", payload = "", signature = ""] = good.split(".");
    const { privateKey, publicKey } = rsaKeys();
    const draft = (claims: Record<string, unknown>) =>
      new SignJWT(claims).setProtectedHeader({ alg: "RS256" });
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const hmacHeader = encode({ alg: "HS256", typ: "JWT" });
    const spki = await exportSPKI(publicKey);
    const hmac = createHmac("sha256", spki).update(`${hmacHeader}.${payload}`).digest("base64url");
    const wrong: Record<string, string> = {
      "another key": await draft({ uid: "alice", exp: seconds(60) }).sign(privateKey),
      "another user under the old signature": [
        header,
        encode({ uid: "root", exp: seconds(60) }),
        signature,
      ].join("."),
      "no signature": `${encode({ alg: "none" })}.${payload}.`,
      "a public key as secret": `${hmacHeader}.${payload}.${hmac}`,
      "a cut signature": `${header}.${payload}.${signature.slice(0, -4)}`,
      "two parts": `${header}.${payload}`,
      "five parts": `${good}.x.y`,
      "no JSON": `${Buffer.from("x").toString("base64url")}.${payload}.${signature}`,
      "a header null": `${Buffer.from("null").toString("base64url")}.${payload}.${signature}`,
      "far too long": `${header}.${"A".repeat(20_000)}.${signature}`,
      nothing: "",
    };
    for (const [what, token] of Object.entries(wrong)) {
      assert.equal(await users.userOf(token), undefined, what);
    }
    for (const claims of [{ exp: seconds(60) }, { uid: "alice" }, { uid: 7, exp: seconds(60) }]) {
      const token = await master.sign(claims);
      assert.equal(await users.userOf(token), undefined, JSON.stringify(claims));
    }
    const later = await master.sign({ uid: "alice", exp: seconds(600), nbf: seconds(300) });
    assert.equal(await users.userOf(later), undefined, "not yet");
  });

  it("are good at once after IAM has a new key, and those of the old key end", async () => {
    const users = open(["alice"]);
    const old = await master.tokenOf("alice");
    assert.equal(await users.userOf(old), "alice");
    master.rotateKeys();
    now += 61_000;
    const fresh = await master.tokenOf("alice");
    assert.equal(await users.userOf(fresh), "alice");
    assert.equal(await users.userOf(old), undefined);
    assert.equal(master.count(jwks), 2);
  });

  it("of a withdrawn key end by themselves, when nobody brings one of the new key", async () => {
    const users = open(["alice"]);
    const old = await master.tokenOf("alice");
    assert.equal(await users.userOf(old), "alice");
    master.rotateKeys();
    now += 5 * 60_000;
    assert.equal(await users.userOf(old), undefined);
  });

  it("that no key has signed do not have IAM asked each time", async () => {
    const users = open(["alice"]);
    await users.userOf(await master.tokenOf("alice"));
    master.rotateKeys();
    const forged = await new SignJWT({ uid: "alice" })
      .setProtectedHeader({ alg: "RS256" })
      .sign(rsaKeys().privateKey);
    now += 11_000;
    for (let round = 0; round < 20; round += 1) await users.userOf(forged);
    assert.equal(master.count(jwks), 2);
  });

  it("go on being good while IAM is away, and cannot be told at its first absence", async () => {
    const known = open(["alice"]);
    const token = await master.tokenOf("alice");
    assert.equal(await known.userOf(token), "alice");
    master.instead = () => [502, "<html>"];
    now += 3_600_000;
    assert.equal(await known.userOf(token), "alice");
    assert.equal(problems.length, 1);
    const fresh = open(["alice"]);
    for (let round = 0; round < 3; round += 1) {
      await assert.rejects(fresh.userOf(token), (error) => {
        assert.ok(error instanceof UsersUnavailable);
        assert.equal(error.code, "UNAVAILABLE");
        return true;
      });
    }
    assert.equal(master.count(jwks), 3, "once for many requests");
    master.instead = () => undefined;
    now += 11_000;
    assert.equal(await fresh.userOf(token), "alice");
  });

  it("need keys for RS256: a set with others only is none", async () => {
    const key = { kty: "RSA", n: "AQAB", e: "AQAB" };
    for (const keys of [[], [{ ...key, alg: "RS512" }], [{ ...key, use: "enc" }], [null], "x"]) {
      master.instead = ({ route }) => (route.endsWith("/jwks") ? [200, { keys }] : undefined);
      await assert.rejects(open(["alice"]).userOf(await master.tokenOf("alice")), UsersUnavailable);
    }
  });

  it("are good for whom Admin Router lets use the service, asked with their own token", async () => {
    master.permitted.add("alice");
    const users = open([], true);
    const [alice, bob] = [await master.tokenOf("alice"), await master.tokenOf("bob")];
    for (let round = 0; round < 5; round += 1) {
      assert.equal(await users.userOf(alice), "alice");
      assert.equal(await users.userOf(bob), undefined);
    }
    assert.equal(master.count(question), 2);
    master.permitted.delete("alice");
    master.permitted.add("bob");
    now += 5_001;
    assert.equal(await users.userOf(bob), "bob");
    now += 60_000;
    assert.equal(await users.userOf(alice), undefined);
  });

  it("are good for nobody by an answer that is not the service's own", async () => {
    master.permitted.add("alice");
    const answers = [
      [404, "<html>404 Not Found: service not found.</html>"],
      [502, "<html>"],
      [200, "<html>a page for logging in</html>"],
      [302, ""],
    ] as const;
    for (const answer of answers) {
      master.instead = ({ route }) => (route.startsWith("/service/") ? answer : undefined);
      const users = open([], true);
      await assert.rejects(users.userOf(await master.tokenOf("alice")), UsersUnavailable);
    }
    master.instead = () => undefined;
  });
});
