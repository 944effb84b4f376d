/** Protects the decision who somebody is, and what guessing costs. */
import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import bcrypt from "bcryptjs";
import { parseAuthorization } from "../../src/identity/authorization-header.ts";
import { Htpasswd } from "../../src/identity/htpasswd.ts";
import { createIdentity } from "../../src/identity/identity.ts";
import { TooManyLogins } from "../../src/identity/identity-error.ts";
import { LoginThrottle } from "../../src/identity/login-throttle.ts";
import { RegistryTokens } from "../../src/identity/registry-token.ts";
import { MemorySigningKeys } from "../../src/identity/signing-keys.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

const fail = (error: unknown) => {
  throw error;
};

describe("authorization header", () => {
  it("is read in the forms of docker, DC/OS and curl", () => {
    const encoded = (text: string) => Buffer.from(text).toString("base64");
    const password = (user: string, secret: string) => ({
      kind: "password",
      user,
      password: secret,
    });
    const cases: [string | undefined, object | undefined][] = [
      ["Bearer abc.def", { kind: "token", token: "abc.def" }],
      ["bearer   abc", { kind: "token", token: "abc" }],
      ["token=abc=", { kind: "token", token: "abc=" }],
      [`Basic ${encoded("alice:a:b")}`, password("alice", "a:b")],
      [`BASIC ${encoded("älice:ü")}`, password("älice", "ü")],
      [`Basic ${encoded(":")}`, password("", "")],
      [`Basic ${encoded("nocolon")}`, undefined],
      ["Basic a:b", undefined],
      ["Basic ", undefined],
      ["Bearer", undefined],
      ["Bearer a b", undefined],
      ["token=", undefined],
      ["Digest x", undefined],
      ["", undefined],
      [undefined, undefined],
    ];
    for (const [header, expected] of cases) {
      assert.deepEqual(parseAuthorization(header), expected, header);
    }
  });
});

describe("login throttle", () => {
  const wrong = async () => undefined;
  const right = async () => "in";

  it("stops a peer after some failures, for the rest of the minute", async () => {
    let now = 0;
    const throttle = new LoginThrottle({ attempts: 2, clock: () => now });
    await throttle.attempt("a", wrong);
    assert.equal(await throttle.attempt("a", right), "in");
    await throttle.attempt("a", wrong);
    now += 20_500;
    await assert.rejects(throttle.attempt("a", right), (error) => {
      assert.ok(error instanceof TooManyLogins);
      assert.equal(error.retryAfterSeconds, 40);
      return true;
    });
    assert.equal(await throttle.attempt("b", right), "in", "others are not concerned");
    now += 40_000;
    assert.equal(await throttle.attempt("a", right), "in");
  });

  it("counts attempts while they run, so that many at once do not slip through", async () => {
    const throttle = new LoginThrottle({ attempts: 3 });
    let calls = 0;
    const slow = async () => {
      calls += 1;
      await Promise.resolve();
      return undefined;
    };
    await Promise.allSettled(Array.from({ length: 50 }, () => throttle.attempt("a", slow)));
    assert.equal(calls, 3);
  });

  it("forgets the oldest peer rather than grow", async () => {
    const throttle = new LoginThrottle({ attempts: 1, peers: 2 });
    for (const peer of ["a", "b", "c"]) await throttle.attempt(peer, wrong);
    assert.equal(await throttle.attempt("a", right), "in");
    await assert.rejects(throttle.attempt("c", right), TooManyLogins);
  });
});

describe("identity", () => {
  let directory: string;
  before(async () => {
    directory = await makeScratch("identity");
  });
  after(() => removeScratch(directory));

  it("remembers a right password for a minute, but not past its end", async () => {
    const file = path.join(directory, "users");
    const hash = (password: string) => `alice:${bcrypt.hashSync(password, 4)}\n`;
    await writeFile(file, hash("old"));
    let now = 0;
    const clock = () => now;
    const htpasswd = await Htpasswd.open(file, { onError: fail, clock });
    const match = htpasswd.match.bind(htpasswd);
    let compared = 0;
    htpasswd.match = (user, password) => {
      compared += 1;
      return match(user, password);
    };
    const identity = createIdentity({
      htpasswd,
      registryTokens: new RegistryTokens(new MemorySigningKeys(), "x"),
      throttle: new LoginThrottle(),
      clock,
    });
    const login = async (password: string) =>
      (await identity.login("alice", password, "p"))?.subject;
    for (let round = 0; round < 5; round += 1) assert.equal(await login("old"), "alice");
    assert.equal(compared, 1);
    assert.equal(await login("wrong"), undefined);
    now += 60_001;
    assert.equal(await login("old"), "alice");
    assert.equal(compared, 3);
    await writeFile(`${file}.new`, hash("new"));
    await rename(`${file}.new`, file);
    now += 1000;
    assert.equal(await login("old"), undefined);
    assert.equal(await login("new"), "alice");
  });

  it("takes a user's token of elsewhere as token and as password, before passwords are counted", async () => {
    const identity = createIdentity({
      userTokens: { userOf: async (token) => (token === "good" ? "alice" : undefined) },
      registryTokens: new RegistryTokens(new MemorySigningKeys(), "x"),
      throttle: new LoginThrottle({ attempts: 0 }),
    });
    assert.equal(identity.configured, true);
    const alice = { subject: "alice", access: "all" };
    for (const authorization of ["token=good", "Bearer good"]) {
      assert.deepEqual(await identity.authenticate({ authorization }, "p"), alice);
    }
    assert.equal(await identity.authenticate({ authorization: "Bearer bad" }, "p"), undefined);
    assert.deepEqual(await identity.login("any name", "good", "p"), alice);
    await assert.rejects(identity.login("any name", "bad", "p"), TooManyLogins);
  });

  it("knows nobody when nothing is configured, not even by its own tokens", async () => {
    const registryTokens = new RegistryTokens(new MemorySigningKeys(), "x");
    const identity = createIdentity({ registryTokens, throttle: new LoginThrottle() });
    const { token } = await registryTokens.issue("alice", []);
    assert.equal(identity.configured, false);
    const headers = { authorization: `Bearer ${token}` };
    assert.equal(await identity.authenticate(headers, "p"), undefined);
  });
});
