/** Protects the log-in of docker clients: who gets which token, and what it opens. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { decodeJwt } from "jose";
import {
  basic,
  bearer,
  type IdentityServer,
  password,
  startIdentityServer,
  staticToken,
} from "./identity-fixture.ts";

const scope = "scope=repository:acme/db:pull,push";

async function tokenOf(server: IdentityServer, query: string, headers = {}): Promise<string> {
  const answer = await server.fetch(`/v2/token?service=dcos-registry&${query}`, { headers });
  assert.equal(answer.status, 200, answer.text);
  return (JSON.parse(answer.text) as { token: string }).token;
}

describe("GET /v2/token", () => {
  let server: IdentityServer;
  before(async () => {
    server = await startIdentityServer({ attempts: 1000 });
  });
  after(() => server.close());

  it("gives everybody a token that allows to pull only", async () => {
    const token = await tokenOf(server, scope);
    assert.deepEqual(decodeJwt(token)["access"], [
      { type: "repository", name: "acme/db", actions: ["pull"] },
    ]);
    const pushed = await server.fetch("/write?repository=acme/db", { headers: bearer(token) });
    assert.equal(pushed.status, 401);
    assert.match(String(pushed.headers["www-authenticate"]), /error="insufficient_scope"/);
    assert.equal((await server.fetch("/v2/", { headers: bearer(token) })).status, 200);
  });

  it("gives a user what was asked, under both names, with its life", async () => {
    const answer = await server.fetch(`/v2/token?${scope}`, { headers: basic("alice", password) });
    const body = JSON.parse(answer.text) as Record<string, unknown>;
    assert.equal(body["token"], body["access_token"]);
    assert.equal(body["expires_in"], 300);
    assert.match(String(body["issued_at"]), /^\d{4}-\d\d-\d\dT/);
    assert.equal(answer.headers["cache-control"], "no-store");
    const token = String(body["token"]);
    assert.equal(decodeJwt(token).sub, "alice");
    const pushed = await server.fetch("/write?repository=acme/db", { headers: bearer(token) });
    assert.equal(pushed.text, "alice");
  });

  it("takes the static token as password of any user", async () => {
    const token = await tokenOf(server, scope, basic("whoever", staticToken));
    const pushed = await server.fetch("/write?repository=acme/db", { headers: bearer(token) });
    assert.equal(pushed.status, 200);
  });

  it("refuses a wrong password at once, with a detail that is not null", async () => {
    for (const headers of [
      basic("alice", "wrong"),
      basic("nobody", password),
      basic("alice", ""),
    ]) {
      const answer = await server.fetch(`/v2/token?${scope}`, { headers });
      assert.equal(answer.status, 401);
      assert.match(String(answer.headers["www-authenticate"]), /^Basic realm="dcos-registry"/);
      const { errors } = JSON.parse(answer.text) as { errors: { detail: unknown }[] };
      assert.ok(errors[0]?.detail);
    }
  });

  it("limits a token to its repositories and to /v2", async () => {
    const token = await tokenOf(server, scope, basic("alice", password));
    const other = await server.fetch("/write?repository=acme/other", { headers: bearer(token) });
    assert.equal(other.status, 401);
    const management = await server.fetch("/write", { headers: bearer(token) });
    assert.equal(management.status, 401);
  });

  it("never turns a limited token into one that allows more", async () => {
    const weak = await tokenOf(server, scope);
    const again = await tokenOf(server, scope, bearer(weak));
    const pushed = await server.fetch("/write?repository=acme/db", { headers: bearer(again) });
    assert.equal(pushed.status, 401);
  });

  it("grants several scopes in both spellings and passes over nonsense", async () => {
    const query = [
      scope,
      "scope=repository:b:pull+repository:c:*",
      "scope=registry:catalog:*",
      "scope=repository:UPPER:pull",
      "scope=repository:b:push,steal",
      "scope=",
    ].join("&");
    const token = await tokenOf(server, query, basic("alice", password));
    assert.deepEqual(decodeJwt(token)["access"], [
      { type: "repository", name: "acme/db", actions: ["pull", "push"] },
      { type: "repository", name: "b", actions: ["pull", "push"] },
      { type: "repository", name: "c", actions: ["*"] },
    ]);
  });

  it("lets delete and * tokens delete, and delete tokens push nothing", async () => {
    const remover = await tokenOf(server, "scope=repository:a:delete", basic("alice", password));
    const headers = bearer(remover);
    const removed = await server.fetch("/write?repository=a", { method: "DELETE", headers });
    assert.equal(removed.status, 200);
    assert.equal(
      (await server.fetch("/write?repository=a", { method: "PUT", headers })).status,
      401,
    );
    const all = bearer(await tokenOf(server, "scope=repository:a:*", basic("alice", password)));
    assert.equal(
      (await server.fetch("/write?repository=a", { method: "PUT", headers: all })).status,
      200,
    );
  });

  it("answers HEAD without a body and other methods not at all", async () => {
    const head = await server.fetch("/v2/token", { method: "HEAD" });
    assert.equal(head.status, 200);
    assert.equal(head.text, "");
    const put = await server.fetch("/v2/token", { method: "PUT" });
    assert.deepEqual([put.status, put.headers.allow], [405, "GET, HEAD, POST"]);
  });
});

describe("POST /v2/token", () => {
  let server: IdentityServer;
  before(async () => {
    server = await startIdentityServer();
  });
  after(() => server.close());

  const form = (body: string, type = "application/x-www-form-urlencoded") =>
    server.fetch("/v2/token", { method: "POST", headers: { "Content-Type": type }, body });

  it("serves the password grant", async () => {
    const answer = await form(
      `grant_type=password&service=dcos-registry&client_id=c&username=alice&password=right%20horse&${scope}`,
    );
    assert.equal(answer.status, 200);
    const { access_token: token } = JSON.parse(answer.text) as { access_token: string };
    const pushed = await server.fetch("/write?repository=acme/db", { headers: bearer(token) });
    assert.equal(pushed.text, "alice");
  });

  it("refuses a wrong password, other grants, other types and endless forms", async () => {
    assert.equal((await form("grant_type=password&username=alice&password=x")).status, 401);
    assert.equal((await form("grant_type=password")).status, 401);
    assert.equal((await form("grant_type=refresh_token&refresh_token=x")).status, 400);
    assert.equal((await form("{}", "application/json")).status, 400);
    assert.equal((await form(`x=${"y".repeat(70_000)}`)).status, 413);
  });
});

describe("tokens", () => {
  it("outlive a rotation of keys, but not the withdrawal of theirs", async () => {
    const server = await startIdentityServer();
    const token = await tokenOf(server, scope, basic("alice", password));
    server.keys.rotate();
    const rotated = await server.fetch("/write?repository=acme/db", { headers: bearer(token) });
    assert.equal(rotated.status, 200);
    server.keys.rotate({ withdraw: true });
    const withdrawn = await server.fetch("/write?repository=acme/db", { headers: bearer(token) });
    assert.equal(withdrawn.status, 401);
    assert.match(String(withdrawn.headers["www-authenticate"]), /error="invalid_token"/);
    await server.close();
  });
});
