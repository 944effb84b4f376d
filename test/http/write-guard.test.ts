/** Protects the rule who may write. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { basic, bearer, password, startIdentityServer, staticToken } from "./identity-fixture.ts";

describe("write guard with an identity", () => {
  it("takes passwords and static tokens for everything", async () => {
    const server = await startIdentityServer();
    const credentials = [
      { headers: basic("alice", password), subject: "alice" },
      { headers: bearer(staticToken), subject: "token 2" },
      { headers: { Authorization: `token=${staticToken}` }, subject: "token 2" },
    ];
    for (const { headers, subject } of credentials) {
      assert.equal((await server.fetch("/write", { headers })).text, subject);
      assert.equal((await server.fetch("/write?repository=a/b", { headers })).text, subject);
    }
    await server.close();
  });

  it("challenges for the repository, even from this machine", async () => {
    const server = await startIdentityServer();
    const answer = await server.fetch("/write?repository=a/b", { headers: { Host: "localhost" } });
    assert.equal(answer.status, 401);
    assert.equal(
      answer.headers["www-authenticate"],
      'Bearer realm="https://localhost/v2/token",service="dcos-registry",scope="repository:a/b:pull,push"',
    );
    const reason = "writing needs credentials";
    assert.deepEqual(JSON.parse(answer.text), {
      errors: [{ code: "UNAUTHORIZED", message: reason, detail: { reason, repository: "a/b" } }],
    });
    const management = await server.fetch("/write");
    assert.doesNotMatch(String(management.headers["www-authenticate"]), /scope/);
    const hostile = await server.fetch('/write?repository=a"%0d%0ax');
    assert.doesNotMatch(String(hostile.headers["www-authenticate"]), /scope/);
    await server.close();
  });

  it("makes guessing wait, but not those who know the password", async () => {
    const server = await startIdentityServer({ attempts: 3 });
    assert.equal((await server.fetch("/write", { headers: basic("alice", password) })).status, 200);
    const guesses = [1, 2, 3, 4, 5].map((n) =>
      server.fetch("/write", { headers: basic("alice", `guess ${n}`) }),
    );
    const statuses = (await Promise.all(guesses)).map(({ status }) => status).sort();
    assert.deepEqual(statuses, [401, 401, 401, 429, 429]);
    const limited = await server.fetch("/write", { headers: basic("alice", "again") });
    assert.ok(Number(limited.headers["retry-after"]) > 0);
    assert.equal((await server.fetch("/write", { headers: basic("alice", password) })).status, 200);
    assert.equal((await server.fetch("/write", { headers: bearer(staticToken) })).status, 200);
    await server.close();
  });

  it("refuses everybody when read-only", async () => {
    const server = await startIdentityServer({ readOnly: true });
    const answer = await server.fetch("/write", { headers: bearer(staticToken) });
    assert.equal(answer.status, 403);
    assert.equal(answer.headers["www-authenticate"], undefined);
    await server.close();
  });
});

describe("write guard without an identity", () => {
  it("takes writes from this machine under its own names only", async () => {
    const server = await startIdentityServer({ configured: false });
    const status = async (headers: Record<string, string>) =>
      (await server.fetch("/write", { headers })).status;
    for (const Host of ["localhost:8443", "127.0.0.1", "127.3.2.1:1", "[::1]:8443", "LOCALHOST"]) {
      assert.equal(await status({ Host }), 200, Host);
    }
    for (const Host of [
      "registry.example",
      "10.0.0.1",
      "localhost.evil.test",
      "127.0.0.1.nip.io",
    ]) {
      assert.equal(await status({ Host }), 403, Host);
    }
    const traces = ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP", "Origin"];
    for (const name of traces) {
      assert.equal(await status({ Host: "localhost", [name]: "null" }), 403, name);
    }
    await server.close();
  });
});
