/** Protects the tokens that registries hand out from forgery, reuse elsewhere and old age. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeJwt, decodeProtectedHeader, SignJWT, UnsecuredJWT } from "jose";
import { RegistryTokens } from "../../src/identity/registry-token.ts";
import { MemorySigningKeys } from "../../src/identity/signing-keys.ts";

const access = [{ type: "repository", name: "acme/db", actions: ["pull", "push"] }];

describe("registry tokens", () => {
  it("tell every instance with the same keys who, where and what", async () => {
    const keys = new MemorySigningKeys();
    const { token, expiresInSeconds, issuedAt } = await new RegistryTokens(keys, "here").issue(
      "alice",
      access,
    );
    assert.deepEqual(await new RegistryTokens(keys, "here").verify(token), {
      subject: "alice",
      access,
    });
    assert.equal(expiresInSeconds, 300);
    assert.equal(decodeJwt(token).exp, issuedAt.getTime() / 1000 + 300);
    assert.equal(decodeProtectedHeader(token).kid, (await keys.current()).id);
  });

  it("end after five minutes", async () => {
    let now = 1_700_000_000_000;
    const tokens = new RegistryTokens(new MemorySigningKeys(), "here", () => now);
    const { token } = await tokens.issue("alice", access);
    now += 299_000;
    assert.ok(await tokens.verify(token));
    now += 1000;
    assert.equal(await tokens.verify(token), undefined);
  });

  it("are worth nothing elsewhere, altered, unsigned or signed by others", async () => {
    const keys = new MemorySigningKeys();
    const tokens = new RegistryTokens(keys, "here");
    const { token } = await tokens.issue("alice", access);
    const [header = "", payload = "", signature = ""] = token.split(".");
    const richer = Buffer.from(JSON.stringify({ ...decodeJwt(token), sub: "root" })).toString(
      "base64url",
    );
    const { id, secret } = await keys.current();
    const sign = (headers: { alg: string; kid?: string }, claims = {}, key = secret) =>
      new SignJWT({ access, iss: "dcos-package-registry", aud: "here", sub: "x", ...claims })
        .setProtectedHeader(headers)
        .setExpirationTime("1m")
        .sign(key);
    const control = await sign({ alg: "HS256", kid: id });
    assert.ok(await tokens.verify(control), "the forgeries below differ from a good one");
    const forged = [
      `${header}.${richer}.${signature}`,
      `${header}.${payload}.`,
      `${header}.${payload}.${signature}x`,
      new UnsecuredJWT(decodeJwt(token)).encode(),
      await sign({ alg: "HS256" }),
      await sign({ alg: "HS256", kid: "unknown" }),
      await sign({ alg: "HS256", kid: "__proto__" }),
      await sign({ alg: "HS512", kid: id }, {}, Buffer.concat([secret, secret])),
      await sign({ alg: "HS256", kid: id }, {}, new MemorySigningKeys().rotate().secret),
      await sign({ alg: "HS256", kid: id }, { aud: "there" }),
      await sign({ alg: "HS256", kid: id }, { iss: "somebody" }),
      await sign({ alg: "HS256", kid: id }, { nbf: Math.floor(Date.now() / 1000) + 60 }),
    ];
    for (const text of forged) assert.equal(await tokens.verify(text), undefined, text);
  });

  it("are told from anything else without harm", async () => {
    const tokens = new RegistryTokens(new MemorySigningKeys(), "here");
    const nonsense = ["", ".", "..", "a.b.c", "eyJ.eyJ.x", "é.é.é", `${"a".repeat(40_000)}.b.c`];
    for (const text of nonsense) assert.equal(await tokens.verify(text), undefined);
  });

  it("that name malformed access allow nothing", async () => {
    const keys = new MemorySigningKeys();
    const { id, secret } = await keys.current();
    const token = await new SignJWT({ access: [null, { type: 1 }, "x", ...access] })
      .setProtectedHeader({ alg: "HS256", kid: id })
      .setIssuer("dcos-package-registry")
      .setAudience("here")
      .setSubject("x")
      .setExpirationTime("1m")
      .sign(secret);
    assert.deepEqual((await new RegistryTokens(keys, "here").verify(token))?.access, access);
  });

  it("report a failing key store instead of calling it a bad token", async () => {
    const keys = new MemorySigningKeys();
    const { token } = await new RegistryTokens(keys, "here").issue("a", []);
    const failing = { current: keys.current, find: () => Promise.reject(new Error("disk")) };
    await assert.rejects(new RegistryTokens(failing, "here").verify(token), /disk/);
  });
});
