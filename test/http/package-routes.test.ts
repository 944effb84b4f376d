import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { connect } from "node:net";
import { after, beforeEach, describe, it } from "node:test";
import type { AddedPackage } from "../../src/catalog/catalog.ts";
import { errorMediaType } from "../../src/http/cosmos-envelope.ts";
import { packageRoutes } from "../../src/http/package-routes.ts";
import type { WriteGuard } from "../../src/http/write-guard.ts";
import { TooManyLogins, Unauthorized } from "../../src/identity/identity-error.ts";
import type { Principal } from "../../src/identity/principal.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { BundleInvalid } from "../../src/packages/bundle-error.ts";
import {
  type GarbageCollection,
  NoCollection,
} from "../../src/registry/collector/garbage-collection.ts";
import { ObjectDamaged, StoreFull, StoreUnavailable } from "../../src/storage/store-error.ts";
import { MemoryCatalog } from "../catalog/memory-catalog.ts";
import type { PackageParts } from "../catalog/published-package.ts";
import { type Ask, type Received, send, startRouters, type TestServer } from "./test-server.ts";

const locations = { publicUrl: "https://registry.test", imageHost: "registry.test:443" };
const jsonType = "application/json;charset=utf-8";

const operator: Principal = { subject: "ops", access: "all" };
const challenge = 'Bearer realm="https://registry.test/v2/token"';

describe("/package", () => {
  let catalog: MemoryCatalog;
  let server: TestServer;
  let guard: WriteGuard;
  const open: TestServer[] = [];

  beforeEach(async () => {
    catalog = new MemoryCatalog();
    guard = async () => operator;
    server = await startRouters(
      packageRoutes({
        catalog,
        locations,
        guard: (...asked) => guard(...asked),
        bundleLimit: 20_000_000,
      }),
    );
    open.push(server);
  });
  after(async () => {
    await Promise.all(open.map((one) => one.close()));
  });

  const post = (name: string, fields: unknown, headers: Ask["headers"] = {}): Promise<Received> =>
    server.ask({
      method: "POST",
      path: `/package/${name}`,
      headers: { "Content-Type": "application/json", ...headers },
      body: JSON.stringify(fields),
    });

  const upload = (parts: PackageParts, type = "application/x-tar"): Promise<Received> =>
    server.ask({
      method: "POST",
      path: "/package/add",
      headers: { "Content-Type": type },
      body: JSON.stringify(parts),
    });

  function assertError(answer: Received, status: number, expected: object): void {
    assert.equal(answer.headers["content-type"], errorMediaType);
    assert.equal(answer.headers["content-length"], String(answer.body.length));
    assert.deepEqual(answer.json(), expected);
    assert.equal(answer.status, status);
  }

  it("adds a bundle, twice without harm", async () => {
    const parts = { files: { a: "1" } };
    for (const [type, created] of [
      ["application/x-tar", true],
      ["application/octet-stream", false],
    ] as const) {
      const answer = await upload(parts, type);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers["content-type"], jsonType);
      assert.deepEqual(answer.json(), {
        packages: [
          {
            name: "hello",
            version: "1.0",
            releaseVersion: 1_700_000_001,
            root: catalog.push(parts),
            status: "Added",
            created,
          },
        ],
      });
    }
  });

  it("refuses a bundle that is larger than allowed", async () => {
    const big = "x".repeat(20_000_001);
    const announced = await upload({ files: { a: big } });
    assert.equal(announced.status, 413);
    assert.deepEqual((await catalog.snapshot()).packages, []);
  });

  it("adds what was pushed before, by its root", async () => {
    const root = catalog.push({ files: { a: "1" } });
    const answer = await post("add", { root });
    assert.equal(answer.status, 200);
    assert.equal((await catalog.snapshot()).packages[0]?.record.root, root);
  });

  it("answers in the vendor's type to who names it", async () => {
    const type =
      "application/vnd.dcos.package-registry.list-response+json;charset=utf-8;version=v1";
    assert.equal((await post("list", {}, { Accept: type })).headers["content-type"], type);
    assert.equal((await post("list", {}, { Accept: "*/*" })).headers["content-type"], jsonType);
  });

  it("lists by name, the newest first", async () => {
    for (const [name, version] of [
      ["b", "1"],
      ["a", "1"],
      ["b", "2"],
    ] as const) {
      await catalog.add({ definition: { name, version } });
    }
    const { packages } = (await post("list", {})).json<{ packages: Record<string, unknown>[] }>();
    assert.deepEqual(
      packages.map((one) => `${one["name"]} ${one["version"]}`),
      ["a 1", "b 2", "b 1"],
    );
    assert.deepEqual(Object.keys(packages[0] ?? {}), [
      "name",
      "version",
      "releaseVersion",
      "root",
      "status",
    ]);
  });

  it("lists for a request without a body, too", async () => {
    const { status, json } = await server.ask({ method: "POST", path: "/package/list" });
    assert.equal(status, 200);
    assert.deepEqual(json(), { packages: [] });
  });

  it("describes the version asked for, or the one added last", async () => {
    await catalog.add({ definition: { version: "2.0" } });
    const parts: PackageParts = {
      definition: {
        version: "1.0",
        resource: { assets: { container: { docker: { db: "acme/db:1" } } } },
      },
      files: { "a.zip": "1" },
      images: ["acme/db:1"],
    };
    const { record, releaseVersion } = await catalog.add(parts);
    const [image] = record.images;
    const [asset] = record.assets;
    assert.ok(image && asset);
    const reference = `registry.test:443/hello/acme/db:${image.tag}`;
    const expected = {
      name: "hello",
      version: "1.0",
      releaseVersion,
      root: record.root,
      status: "Added",
      package: {
        ...record.definition,
        releaseVersion,
        resource: { assets: { container: { docker: { db: reference } } } },
      },
      images: [
        { reference: "docker.io/acme/db:1", image: reference, digest: image.descriptor.digest },
      ],
      assets: [
        {
          url: `https://registry.test/resources/${asset.path}`,
          digest: asset.digest,
          size: 1,
        },
      ],
    };
    const fields = { packageName: "hello", packageVersion: "1.0" };
    assert.deepEqual((await post("describe", fields)).json(), expected);
    assert.deepEqual((await post("describe", { packageName: "hello" })).json(), expected);
    const older = await post("describe", { ...fields, packageVersion: "2.0" });
    assert.equal(older.json<{ version: string }>().version, "2.0");
    const any = await post("describe", { ...fields, packageVersion: null });
    assert.deepEqual(any.json(), expected);
  });

  it("says in Cosmos' words what it does not find", async () => {
    const packageName = "absent";
    assertError(await post("describe", { packageName }), 400, {
      type: "PackageNotFound",
      message: "Package [absent] not found",
      data: { packageName },
    });
    assertError(await post("describe", { packageName, packageVersion: "1" }), 400, {
      type: "VersionNotFound",
      message: "Version [1] of package [absent] not found",
      data: { packageName, packageVersion: "1" },
    });
    assertError(await post("remove", { packageName, packageVersion: "1" }), 400, {
      type: "PackageNotFound",
      message: "Package [absent] not found",
      data: { packageName },
    });
  });

  it("removes one version", async () => {
    await catalog.add({});
    await catalog.add({ definition: { version: "2.0" } });
    const answer = await post("remove", { packageName: "hello", packageVersion: "1.0" });
    assert.deepEqual(answer.json(), { packages: [{ name: "hello", version: "1.0" }] });
    assert.equal((await catalog.snapshot()).packages.length, 1);
  });

  describe("removing for good", () => {
    const remove = async (collection: GarbageCollection): Promise<Received> => {
      const routed = await startRouters(
        packageRoutes({ catalog, locations, guard, bundleLimit: 0, collection }),
      );
      open.push(routed);
      await catalog.add({});
      return routed.ask({
        method: "POST",
        path: "/package/remove",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ packageName: "hello", packageVersion: "1.0", now: true }),
      });
    };
    const packages = [{ name: "hello", version: "1.0" }];

    it("asks for a collection and says by when its bytes are free", async () => {
      let asked = 0;
      const before = Date.now();
      const answer = await remove({
        status: async () => ({ state: "waiting", cycles: 0, delayMs: 86_400_000 }),
        run: () => assert.fail("nobody waits for a cycle"),
        request: () => {
          asked += 1;
        },
      });
      const { reclaim, ...rest } = answer.json() as { reclaim: { freedBy: string } };
      assert.deepEqual(rest, { packages });
      assert.equal(asked, 1);
      const days = (Date.parse(reclaim.freedBy) - before) / 86_400_000;
      assert.ok(days >= 1 && days < 1.01, reclaim.freedBy);
      assert.equal(catalog.removedForGood.length, 1);
    });

    it("says so where nothing is collected", async () => {
      const answer = await remove(new NoCollection("the configuration says so"));
      const reclaim = { collected: false, reason: "the configuration says so" };
      assert.deepEqual(answer.json(), { packages, reclaim });
    });
  });

  it("refuses other content under the same version, naming what is here", async () => {
    const { record } = await catalog.add({ files: { a: "1" } });
    const hex = record.root.slice(7, 19);
    assertError(await upload({ files: { a: "2" } }), 409, {
      type: "PackageConflict",
      message: `hello 1.0 is already in the registry with different content (added 2023-11-14T22:13:21.000Z, sha256 ${hex})`,
      data: {
        packageName: "hello",
        packageVersion: "1.0",
        root: record.root,
        code: "E151",
        hint: "remove it first or use another version",
      },
    });
  });

  it("passes on why a bundle is refused", async () => {
    const answer = await server.ask({
      method: "POST",
      path: "/package/add",
      headers: { "Content-Type": "application/x-tar" },
      body: "no bundle",
    });
    assertError(answer, 400, {
      type: "BUNDLE_INVALID",
      message: "not a bundle",
      data: { hint: "build it again" },
    });
  });

  it("shows nothing of a fault of its own, and reports it", async () => {
    catalog.failure = new Error("EIO /secret");
    assertError(await post("list", {}), 500, {
      type: "unhandled_exception",
      message: "The registry failed to answer; its log says why",
      data: null,
    });
    assert.deepEqual(server.faults, [catalog.failure]);
    server.faults.length = 0;
    catalog.failure = new ObjectDamaged("catalog/secret", "no JSON");
    const answer = await post("list", {});
    assert.doesNotMatch(answer.body.toString(), /secret/);
    assert.deepEqual(server.faults, [catalog.failure]);
  });

  it("passes on that the storage is full or gone", async () => {
    catalog.failure = new StoreFull();
    assert.equal((await post("list", {})).status, 507);
    catalog.failure = new StoreUnavailable("no answer");
    assert.equal((await post("list", {})).status, 503);
  });

  describe("bad requests", () => {
    const cases: [what: string, ask: Ask, status: number, type: string][] = [
      ["another method", { method: "GET", path: "/package/list" }, 405, "MethodNotAllowed"],
      ["another path", { method: "POST", path: "/package/install" }, 404, "NotFound"],
      ["no JSON", { path: "/package/list", body: "{" }, 400, "json_error"],
      ["an array", { path: "/package/list", body: "[]" }, 400, "json_error"],
      ["null", { path: "/package/list", body: "null" }, 400, "json_error"],
      [
        "bytes that are no UTF-8",
        { path: "/package/list", body: Buffer.from([0x22, 0xff, 0x22]) },
        400,
        "json_error",
      ],
      ["no name", { path: "/package/describe", body: "{}" }, 400, "not_valid"],
      [
        "an inherited name",
        { path: "/package/describe", body: '{"__proto__":{"packageName":"a"}}' },
        400,
        "not_valid",
      ],
      [
        "a number as name",
        { path: "/package/describe", body: '{"packageName":1}' },
        400,
        "not_valid",
      ],
      ["no version", { path: "/package/remove", body: '{"packageName":"a"}' }, 400, "not_valid"],
      ["no root", { path: "/package/add", body: "{}" }, 400, "not_valid"],
      [
        "a root that is no digest",
        { path: "/package/add", body: '{"root":"latest"}' },
        400,
        "DIGEST_INVALID",
      ],
      [
        "a root that is not here",
        { path: "/package/add", body: `{"root":"${digestOf("x")}"}` },
        404,
        "MANIFEST_UNKNOWN",
      ],
      [
        "a form",
        { path: "/package/list", body: "a=b", headers: { "Content-Type": "text/plain" } },
        400,
        "not_valid",
      ],
      [
        "a bundle as text",
        { path: "/package/add", body: "x", headers: { "Content-Type": "text/plain" } },
        400,
        "not_valid",
      ],
      [
        "a compressed body",
        {
          path: "/package/add",
          body: "x",
          headers: { "Content-Type": "application/x-tar", "Content-Encoding": "gzip" },
        },
        400,
        "not_valid",
      ],
      [
        "too much JSON",
        { path: "/package/list", body: `{"a":"${"x".repeat(70_000)}"}` },
        413,
        "RequestTooLarge",
      ],
    ];
    for (const [
      what,
      { headers = { "Content-Type": "application/json" }, ...ask },
      status,
      type,
    ] of cases) {
      it(`refuses ${what}`, async () => {
        const answer = await server.ask({ method: "POST", headers, ...ask });
        assert.equal(answer.json<{ type: string }>().type, type);
        assert.equal(answer.status, status);
        assert.equal(answer.headers["content-type"], errorMediaType);
        assert.deepEqual(server.faults, []);
      });
    }

    it("names the method to use", async () => {
      const { headers } = await server.ask({ method: "GET", path: "/package/add" });
      assert.equal(headers.allow, "POST");
    });
  });

  describe("guard", () => {
    const endless = async function* (): AsyncGenerator<Buffer> {
      const block = Buffer.alloc(256 * 1024, "{");
      for (;;) yield block;
    };

    it("is asked before add and remove, and by nobody else", async () => {
      let asked = 0;
      guard = async () => {
        asked += 1;
        return operator;
      };
      await post("list", {});
      await post("describe", { packageName: "a" });
      assert.equal(asked, 0);
      await upload({});
      await post("remove", { packageName: "hello", packageVersion: "1.0" });
      assert.equal(asked, 2);
    });

    it("refuses with a challenge, and nothing is changed", async () => {
      await catalog.add({});
      guard = () => Promise.reject(new Unauthorized("log in first", challenge));
      for (const answer of [
        await upload({ definition: { name: "other" } }),
        await post("remove", { packageName: "hello", packageVersion: "1.0" }),
      ]) {
        assert.equal(answer.headers["www-authenticate"], challenge);
        assertError(answer, 401, {
          type: "UNAUTHORIZED",
          message: "log in first",
          data: { reason: "log in first" },
        });
      }
      assert.equal((await catalog.snapshot()).packages.length, 1);
    });

    it("says when to come back after too many wrong passwords", async () => {
      guard = () => Promise.reject(new TooManyLogins(7));
      const answer = await upload({});
      assert.equal(answer.status, 429);
      assert.equal(answer.headers["retry-after"], "7");
    });

    it("answers a client that is still sending, then closes", async () => {
      guard = () => Promise.reject(new Unauthorized("log in first", challenge));
      const answer = await server.ask({
        method: "POST",
        path: "/package/add",
        headers: { "Content-Type": "application/x-tar" },
        body: endless(),
      });
      assert.equal(answer.status, 401);
      assert.equal(answer.headers.connection, "close");
      assert.equal(answer.json<{ message: string }>().message, "log in first");
    });

    it("answers a client whose bundle turns out bad while it is still sending", async () => {
      catalog.ingest = async (bundle) => {
        let size = 0;
        for await (const chunk of bundle) {
          size += chunk.byteLength;
          if (size > 256 * 1024) throw new BundleInvalid("not a bundle");
        }
        throw new Error("unreachable");
      };
      const answer = await server.ask({
        method: "POST",
        path: "/package/add",
        headers: { "Content-Type": "application/x-tar" },
        body: endless(),
      });
      assert.equal(answer.status, 400);
      assert.equal(answer.headers.connection, "close");
      assert.equal(answer.json<{ type: string }>().type, "BUNDLE_INVALID");
    });
  });

  describe("an addition that takes long", () => {
    let slow: TestServer;
    beforeEach(async () => {
      slow = await startRouters(
        packageRoutes({ catalog, locations, guard, bundleLimit: 0, patienceMs: 5 }),
      );
      open.push(slow);
    });

    /** Adds a package, and lets the catalogue go on only when the answer has begun. */
    async function addSlowly(outcome: (root: Digest) => Promise<AddedPackage>): Promise<Received> {
      const root = catalog.push({});
      const begun = new EventEmitter();
      const seen = once(begun, "answer");
      catalog.publish = async () => {
        await seen;
        return outcome(root);
      };
      return send(
        slow.port,
        {
          method: "POST",
          path: "/package/add",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ root }),
        },
        () => begun.emit("answer"),
      );
    }

    it("keeps proxies waiting with blanks before the document", async () => {
      const { publish } = MemoryCatalog.prototype;
      const answer = await addSlowly((root) => publish.call(catalog, root));
      assert.equal(answer.status, 200);
      assert.equal(answer.headers["content-type"], jsonType);
      assert.match(answer.body.toString(), /^ +\{"packages":\[\{"name":"hello"/);
    });

    it("says in the document why it failed", async () => {
      const answer = await addSlowly(() => Promise.reject(new BundleInvalid("not a bundle")));
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.json(), {
        type: "BUNDLE_INVALID",
        message: "not a bundle",
        data: null,
      });
    });

    it("does not begin while the bundle is still coming, however slowly", async (context) => {
      context.mock.timers.enable({ apis: ["setTimeout"] });
      const received = new EventEmitter();
      const half = once(received, "half");
      catalog.ingest = async (bundle) => {
        for await (const _ of bundle) {
          context.mock.timers.tick(60_000);
          received.emit("half");
        }
        throw new BundleInvalid("not a bundle");
      };
      const body = (async function* () {
        yield Buffer.from("{");
        await half;
      })();
      const headers = { "Content-Type": "application/x-tar" };
      const answer = await server.ask({ method: "POST", path: "/package/add", headers, body });
      assert.equal(answer.status, 400);
    });
  });

  it("tells the catalogue when the client goes away in the middle", async () => {
    const seen = new Promise<string>((resolve) => {
      catalog.ingest = async (bundle, signal) => {
        try {
          for await (const _ of bundle) socket.destroy();
          throw new Error("a whole bundle came");
        } catch (error) {
          await (signal.aborted || once(signal, "abort"));
          resolve(`aborted: ${signal.aborted}`);
          throw error;
        }
      };
    });
    const socket = connect(server.port, "127.0.0.1");
    socket.write(
      "POST /package/add HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\nContent-Length: 1000\r\n\r\n{",
    );
    assert.equal(await seen, "aborted: true");
  });
});
