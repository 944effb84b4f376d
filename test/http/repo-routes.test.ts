import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { CosmosIndex } from "../../src/catalog/cosmos-index.ts";
import { healthRoutes } from "../../src/http/health-routes.ts";
import { repoRoutes } from "../../src/http/repo-routes.ts";
import { MemoryCatalog } from "../catalog/memory-catalog.ts";
import { startRouters, type TestServer } from "./test-server.ts";

const type = "application/vnd.dcos.universe.repo+json;charset=utf-8;version=";
const locations = { publicUrl: "https://registry.test", imageHost: "registry.test:443" };

describe("/repo", () => {
  const catalog = new MemoryCatalog();
  let server: TestServer;

  before(async () => {
    await catalog.add({ definition: { name: "four", minDcosReleaseVersion: "1.12" } });
    await catalog.add({ definition: { name: "five", packagingVersion: "5.0" } });
    const index = new CosmosIndex({ catalog, locations });
    server = await startRouters(repoRoutes(index), healthRoutes(index));
  });
  after(() => server.close());

  const names = (body: Buffer) =>
    JSON.parse(body.toString()).packages.map(({ name }: { name: string }) => name);

  it("answers curl with the newest version", async () => {
    const { status, headers, body } = await server.ask({ path: "/repo" });
    assert.equal(status, 200);
    assert.equal(headers["content-type"], `${type}v5`);
    assert.equal(headers["content-length"], String(body.length));
    assert.equal(headers["content-encoding"], undefined);
    assert.equal(headers.vary, "Accept, Accept-Encoding, User-Agent");
    assert.match(headers.etag ?? "", /^"[0-9a-f]{64}"$/);
    assert.deepEqual(names(body), ["five", "four"]);
  });

  for (const version of ["v3", "v4", "v5"]) {
    it(`answers a reader of ${version} in exactly that type`, async () => {
      const headers = { Accept: type + version };
      const answer = await server.ask({ path: "/repo", headers });
      assert.equal(answer.headers["content-type"], type + version);
      assert.deepEqual(names(answer.body), version === "v5" ? ["five", "four"] : ["four"]);
    });
  }

  it("answers 200 to whoever accepts nothing it has", async () => {
    const { status } = await server.ask({ path: "/repo", headers: { Accept: "image/png" } });
    assert.equal(status, 200);
  });

  it("filters by the DC/OS version in User-Agent", async () => {
    const seen = async (agent: string) =>
      names((await server.ask({ path: "/repo", headers: { "User-Agent": agent } })).body);
    assert.deepEqual(await seen("cosmos/0.6.3 dcos/1.11.9"), ["five"]);
    assert.deepEqual(await seen("cosmos/0.6.3 dcos/1.12.0-beta"), ["five", "four"]);
    assert.deepEqual(await seen("cosmos/0.6.3 dcos/unknown"), ["five", "four"]);
  });

  it("zips only for who asks, with a tag of its own", async () => {
    const plain = await server.ask({ path: "/repo" });
    const zipped = await server.ask({ path: "/repo", headers: { "Accept-Encoding": "br, gzip" } });
    assert.equal(zipped.headers["content-encoding"], "gzip");
    assert.equal(zipped.headers["content-length"], String(zipped.body.length));
    assert.deepEqual(gunzipSync(zipped.body), plain.body);
    assert.notEqual(zipped.headers.etag, plain.headers.etag);
    for (const encodings of ["gzip;q=0", "identity", "*", "x-gzip", "br"]) {
      const headers = { "Accept-Encoding": encodings };
      const answer = await server.ask({ path: "/repo", headers });
      assert.equal(answer.headers["content-encoding"], undefined, encodings);
    }
  });

  it("answers HEAD like GET", async () => {
    for (const headers of [{}, { "Accept-Encoding": "gzip" }]) {
      const get = await server.ask({ path: "/repo", headers });
      const head = await server.ask({ path: "/repo", headers, method: "HEAD" });
      for (const one of [get, head]) delete one.headers.date;
      assert.deepEqual(head.headers, get.headers);
      assert.equal(head.body.length, 0);
    }
  });

  it("answers with a slash at the end the same way, without a redirect", async () => {
    const { status, body } = await server.ask({ path: "/repo/" });
    assert.equal(status, 200);
    assert.deepEqual(names(body), ["five", "four"]);
  });

  it("answers 304 to a tag that still holds", async () => {
    const { headers } = await server.ask({ path: "/repo" });
    const again = await server.ask({
      path: "/repo",
      headers: { "If-None-Match": headers.etag ?? "" },
    });
    assert.equal(again.status, 304);
    assert.equal(again.headers.vary, headers.vary);
  });

  it("answers ranges of either form", async () => {
    for (const more of [{}, { "Accept-Encoding": "gzip" }]) {
      const whole = await server.ask({ path: "/repo", headers: more });
      const headers = { ...more, Range: "bytes=3-20" };
      const part = await server.ask({ path: "/repo", headers });
      assert.equal(part.status, 206);
      assert.deepEqual(part.body, whole.body.subarray(3, 21));
    }
  });

  it("serves one package as a repository, an empty one when it is not here", async () => {
    assert.deepEqual(names((await server.ask({ path: "/repo/four" })).body), ["four"]);
    assert.deepEqual(names((await server.ask({ path: "/repo/four/" })).body), ["four"]);
    const absent = await server.ask({ path: "/repo/absent" });
    assert.equal(absent.status, 200);
    assert.equal(absent.headers["content-type"], `${type}v5`);
    assert.deepEqual(names(absent.body), []);
  });

  it("answers 404 to what cannot be a package", async () => {
    for (const path of [
      "/repo/Four",
      "/repo/%ff",
      "/repo/a%2fb",
      "/repo/a/b",
      "/repo/..",
      "/Repo",
    ]) {
      const { status, headers } = await server.ask({ path });
      assert.equal(status, 404, path);
      assert.equal(
        headers["content-type"],
        "application/vnd.dcos.package.error+json;charset=utf-8;version=v1",
      );
    }
    assert.deepEqual(server.faults, []);
  });

  it("refuses other methods, naming those it takes", async () => {
    for (const path of ["/repo", "/repo/", "/repo/four", "/", "/health"]) {
      for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
        const { status, headers } = await server.ask({ path, method });
        assert.deepEqual([status, headers.allow], [405, "GET, HEAD"], `${method} ${path}`);
      }
    }
  });

  it("answers on / to a repository client, and with the health to others", async () => {
    const cosmos = await server.ask({ path: "/", headers: { Accept: `${type}v4` } });
    assert.equal(cosmos.headers["content-type"], `${type}v4`);
    const { status, headers, body } = await server.ask({ path: "/" });
    assert.equal(status, 200);
    assert.equal(headers["content-type"], "application/json");
    assert.match(headers.vary ?? "", /Accept/);
    assert.deepEqual(JSON.parse(body.toString()), {
      checks: { "/repo": { Healthy: { message: "Able to find 2 package(s)." } } },
    });
  });

  it("answers 500 without a reason in it when there is no index at all", async () => {
    const failing = new MemoryCatalog();
    failing.failure = new Error("EIO /secret/path");
    const other = await startRouters(repoRoutes(new CosmosIndex({ catalog: failing, locations })));
    try {
      const { status, body } = await other.ask({ path: "/repo" });
      assert.equal(status, 500);
      assert.doesNotMatch(body.toString(), /secret/);
      assert.deepEqual(other.faults, [failing.failure]);
    } finally {
      await other.close();
    }
  });
});

interface Health {
  readonly checks: { readonly "/repo": object };
}

describe("/health", () => {
  it("stays 200 with what is wrong in it, as long as packages can be read", async () => {
    const catalog = new MemoryCatalog();
    await catalog.add({});
    const checks = [
      {
        name: "storage",
        run: async () => ({ healthy: false, message: "The disk is nearly full." }),
      },
      { name: "broken", run: () => Promise.reject(new Error("/secret")) },
      { name: "fine", run: async () => ({ healthy: true, message: "Good." }) },
    ];
    const server = await startRouters(
      healthRoutes(new CosmosIndex({ catalog, locations }), checks),
    );
    try {
      const first = await server.ask({ path: "/health" });
      assert.equal(first.status, 200);
      assert.equal(first.headers["cache-control"], "no-store");
      assert.deepEqual(first.json(), {
        checks: {
          "/repo": { Healthy: { message: "Able to find 1 package(s)." } },
          storage: { Unhealthy: { message: "The disk is nearly full." } },
          broken: { Unhealthy: { message: "The check itself failed; the log says why." } },
          fine: { Healthy: { message: "Good." } },
        },
      });
      catalog.failure = new Error("gone");
      const second = await server.ask({ path: "/health" });
      assert.equal(second.status, 200);
      assert.deepEqual(second.json<Health>().checks["/repo"], {
        Unhealthy: {
          message:
            "Able to find 1 package(s). The storage cannot be read: this is the last good index.",
        },
      });
    } finally {
      await server.close();
    }
  });

  it("is 503 when nothing can be served", async () => {
    const catalog = new MemoryCatalog();
    catalog.failure = new Error("gone");
    const server = await startRouters(healthRoutes(new CosmosIndex({ catalog, locations })));
    try {
      const { status, json } = await server.ask({ path: "/health" });
      assert.equal(status, 503);
      assert.ok("Unhealthy" in json<Health>().checks["/repo"]);
    } finally {
      await server.close();
    }
  });
});
