/** Protects the answer on which docker clients decide whether they log in. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { basic, bearer, password, startIdentityServer, staticToken } from "./identity-fixture.ts";

describe("GET /v2/", () => {
  it("asks for a token when somebody can log in, and says where to get one", async () => {
    const server = await startIdentityServer();
    const answer = await server.fetch("/v2/", { headers: { Host: "registry.example:8443" } });
    assert.equal(answer.status, 401);
    assert.equal(answer.headers["docker-distribution-api-version"], "registry/2.0");
    assert.equal(
      answer.headers["www-authenticate"],
      'Bearer realm="https://registry.example:8443/v2/token",service="dcos-registry"',
    );
    await server.close();
  });

  it("names the public URL where the request's host is not ours", async () => {
    const server = await startIdentityServer({
      certificateNames: ["*.example", "10.0.0.1", "::1"],
    });
    const realm = async (Host: string) => {
      const answer = await server.fetch("/v2/", { headers: { Host } });
      return /realm="([^"]*)"/.exec(String(answer.headers["www-authenticate"]))?.[1];
    };
    const ours = ["REGISTRY.example", "10.0.0.1:443", "[0:0::1]:8443"];
    for (const host of ours) assert.equal(await realm(host), `https://${host}/v2/token`);
    const others = [
      "evil.test",
      "a.b.example",
      "example",
      "registry.example@evil.test",
      "a b",
      'x"y',
      "[::1",
    ];
    for (const host of others) assert.equal(await realm(host), "https://public.example/v2/token");
    await server.close();
  });

  it("is open with every kind of valid credentials and closed with wrong ones", async () => {
    const server = await startIdentityServer();
    const good = [
      basic("alice", password),
      basic("any", staticToken),
      bearer(staticToken),
      { Authorization: `token=${staticToken}` },
    ];
    for (const headers of good) {
      const answer = await server.fetch("/v2/", { headers });
      assert.equal(answer.status, 200);
      assert.equal(answer.text, "{}");
    }
    const bad = [basic("alice", "x"), bearer("x.y.z"), { Authorization: "Negotiate abc" }];
    for (const headers of bad) assert.equal((await server.fetch("/v2/", { headers })).status, 401);
    await server.close();
  });

  it("is open to all when nobody can log in", async () => {
    const server = await startIdentityServer({ configured: false });
    assert.equal((await server.fetch("/v2/")).status, 200);
    assert.equal((await server.fetch("/v2/", { headers: basic("a", "b") })).status, 200);
    const head = await server.fetch("/v2/", { method: "HEAD" });
    assert.equal(head.headers["content-length"], "2");
    await server.close();
  });
});
