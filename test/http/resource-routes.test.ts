import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { assetContentType } from "../../src/http/asset-content-type.ts";
import { resourceRoutes } from "../../src/http/resource-routes.ts";
import { MemoryCatalog } from "../catalog/memory-catalog.ts";
import { assetPath } from "../catalog/published-package.ts";
import { startRouters, type TestServer } from "./test-server.ts";

const files = { "icon.png": "a picture", "1.13%2Bui.tar.gz": "the ui", "a+b.zip": "zip" };
const place = (name: keyof typeof files) => `/resources/${assetPath(name, files[name])}`;

describe("/resources", () => {
  const catalog = new MemoryCatalog();
  let server: TestServer;

  before(async () => {
    await catalog.add({ files });
    server = await startRouters(
      resourceRoutes({
        catalog,
        openBlob: async (digest, range) => {
          const bytes = catalog.blobs.get(digest);
          assert.ok(bytes);
          return (async function* () {
            yield range ? bytes.subarray(range.start, range.end + 1) : bytes;
          })();
        },
      }),
    );
  });
  after(() => server.close());

  it("serves a file with all that its readers need", async () => {
    for (const method of ["GET", "HEAD"]) {
      const { status, headers, body } = await server.ask({ path: place("icon.png"), method });
      assert.equal(status, 200);
      assert.equal(body.toString(), method === "GET" ? "a picture" : "");
      assert.equal(headers["content-length"], "9");
      assert.equal(headers["content-type"], "image/png");
      assert.equal(headers["cache-control"], "public, max-age=31536000, immutable");
      assert.equal(headers["x-content-type-options"], "nosniff");
      assert.match(String(headers["content-security-policy"]), /^sandbox; default-src 'none'/);
      assert.equal(headers["transfer-encoding"], undefined);
      assert.match(headers.etag ?? "", /^"sha256:[0-9a-f]{64}"$/);
    }
  });

  it("serves ranges", async () => {
    const headers = { Range: "bytes=2-4" };
    const { status, body } = await server.ask({ path: place("icon.png"), headers });
    assert.deepEqual([status, body.toString()], [206, "pic"]);
  });

  it("never compresses", async () => {
    const headers = { "Accept-Encoding": "gzip, br" };
    const answer = await server.ask({ path: place("icon.png"), headers });
    assert.equal(answer.headers["content-encoding"], undefined);
  });

  it("finds a name in the spelling of the package, decoded, and encoded", async () => {
    for (const path of [
      place("1.13%2Bui.tar.gz"),
      place("1.13%2Bui.tar.gz").replace("%2B", "+"),
      place("a+b.zip"),
      place("a+b.zip").replace("+", "%2B"),
    ]) {
      assert.equal((await server.ask({ path })).status, 200, path);
    }
  });

  it("ignores a query", async () => {
    assert.equal((await server.ask({ path: `${place("icon.png")}?raw=true` })).status, 200);
  });

  it("gives out only what a package names", async () => {
    const [, hex = ""] = /([0-9a-f]{64})/.exec(place("icon.png")) ?? [];
    for (const path of [
      `/resources/${hex}/other.png`,
      `/resources/${hex}/`,
      `/resources/${hex}`,
      `/resources/${"0".repeat(64)}/icon.png`,
      `/resources/${hex.toUpperCase()}/icon.png`,
      `/resources/sha256:${hex}/icon.png`,
      `/resources/${hex}/icon.png/`,
      `/resources/${hex}/../${hex}/icon.png`,
      `/resources/${hex}/%2e%2e%2ficon.png`,
      `/resources/${hex}/%ff`,
      `/resources/${hex}/%`,
      `/resources/${hex}/icon.png%00`,
      "/resources",
      "/resources/",
    ]) {
      assert.equal((await server.ask({ path })).status, 404, path);
    }
    assert.deepEqual(server.faults, []);
  });

  it("refuses other methods", async () => {
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
      const { status, headers } = await server.ask({ path: place("icon.png"), method });
      assert.deepEqual([status, headers.allow], [405, "GET, HEAD"]);
    }
  });
});

describe("content type of an asset", () => {
  it("follows the last extension, in any case", () => {
    assert.equal(assetContentType("x/app.TAR.GZ"), "application/gzip");
    assert.equal(assetContentType("x/icon.svg"), "image/svg+xml");
    assert.equal(assetContentType("x/options.json"), "application/json");
  });

  it("is bytes for everything else, pages and scripts among them", () => {
    for (const name of [
      "a",
      "a.",
      "page.html",
      "page.htm",
      "a.js",
      "a.xhtml",
      "a.xml",
      "a.sh",
      "z.1",
    ]) {
      assert.equal(assetContentType(`x/${name}`), "application/octet-stream", name);
    }
  });
});
