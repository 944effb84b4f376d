/** The index given in the turn of the request: the same as by the routes, and only while it is current. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import express from "express";
import { CosmosIndex } from "../../src/catalog/cosmos-index.ts";
import { PackageCatalog } from "../../src/catalog/package-catalog.ts";
import { cosmosErrors } from "../../src/http/cosmos-envelope.ts";
import { answerIndexFirst } from "../../src/http/index-answer.ts";
import { repoRoutes } from "../../src/http/repo-routes.ts";
import { layout } from "../../src/registry/layout.ts";
import { openRegistry } from "../../src/registry/registry.ts";
import { DocumentCache } from "../../src/storage/document-cache.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import type { LoadedObject } from "../../src/storage/object-store.ts";
import { StoreUnavailable } from "../../src/storage/store-error.ts";
import { MemoryCatalog } from "../catalog/memory-catalog.ts";
import { fixedBody } from "../fixtures/body.ts";
import { makeBundle } from "../fixtures/bundle.ts";

const type = "application/vnd.dcos.universe.repo+json;charset=utf-8;version=";
const locations = { publicUrl: "https://registry.test", imageHost: "registry.test:443" };
const gzip = { "Accept-Encoding": "gzip" };

interface Named {
  readonly name: string;
}

type Headers = Readonly<Record<string, string>>;

interface Answer {
  readonly status: number | undefined;
  /** But the date. */
  readonly headers: readonly string[];
  readonly body: Buffer;
}

/** `/repo` in both ways, of one index. */
class BothWays {
  /** Requests that came to the routes, or for which the index was not at hand. */
  waited = 0;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #front: Server;
  readonly #routes: Server;

  constructor(index: CosmosIndex) {
    const app = express();
    app.disable("x-powered-by");
    app.use((_request, _response, next) => {
      this.waited += 1;
      next();
    });
    app.use(repoRoutes(index));
    app.use(cosmosErrors(() => {}));
    const file = index.file.bind(index);
    index.file = (variant) => {
      this.waited += 1;
      return file(variant);
    };
    this.#front = createServer(answerIndexFirst(app, index, () => {}));
    this.#routes = createServer(app);
  }

  async listen(): Promise<void> {
    for (const server of [this.#front, this.#routes])
      await once(server.listen(0, "127.0.0.1"), "listening");
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    for (const server of [this.#front, this.#routes]) {
      server.closeAllConnections();
      await once(server.close(), "close");
    }
  }

  /** As clients are answered. */
  ask(path: string, headers: Headers = {}, method = "GET"): Promise<Answer> {
    return this.#send(this.#front, path, headers, method);
  }

  /** By the routes alone. */
  askRoutes(path: string, headers: Headers = {}, method = "GET"): Promise<Answer> {
    return this.#send(this.#routes, path, headers, method);
  }

  /** @returns whether the answer was given in the turn of the request */
  async atOnce(path: string, headers: Headers = {}, method = "GET"): Promise<boolean> {
    const { waited } = this;
    await this.ask(path, headers, method);
    return this.waited === waited;
  }

  async #send(server: Server, path: string, headers: Headers, method: string): Promise<Answer> {
    const { port } = server.address() as AddressInfo;
    const asking = request({ port, host: "127.0.0.1", path, method, headers, agent: this.#agent });
    const [answer] = (await once(asking.end(), "response")) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk);
    const lines = answer.rawHeaders.flatMap((name, at, all) =>
      at % 2 === 0 && name !== "Date" ? [`${name}: ${all[at + 1]}`] : [],
    );
    return { status: answer.statusCode, headers: lines, body: Buffer.concat(chunks) };
  }
}

function tagOf({ headers }: Answer): string {
  return headers.find((line) => line.startsWith("ETag: "))?.slice("ETag: ".length) ?? "";
}

function combined(...choices: readonly (readonly Headers[])[]): Headers[] {
  return choices.reduce<Headers[]>(
    (all, more) => all.flatMap((one) => more.map((other) => ({ ...one, ...other }))),
    [{}],
  );
}

describe("/repo in front of the routes", () => {
  const catalog = new MemoryCatalog();
  const both = new BothWays(new CosmosIndex({ catalog, locations }));

  before(async () => {
    await catalog.add({ definition: { name: "four", minDcosReleaseVersion: "1.12" } });
    await catalog.add({ definition: { name: "five", packagingVersion: "5.0" } });
    await both.listen();
  });
  after(() => both.close());
  beforeEach(() => {
    catalog.remembers = true;
  });

  const asks = combined(
    [{}, ...[`${type}v3`, `${type}v4;q=0.5,${type}v5`, "image/png"].map((Accept) => ({ Accept }))],
    [{}, ...["br, gzip", "gzip;q=0"].map((one) => ({ "Accept-Encoding": one }))],
    [{}, ...["cosmos dcos/1.11.9", "dcos/unknown"].map((one) => ({ "User-Agent": one }))],
  );
  for (const path of ["/repo", "/repo/four/"]) {
    for (const method of ["GET", "HEAD"]) {
      it(`is the same as by the routes: ${method} ${path}`, async () => {
        for (const headers of asks) {
          const whole = await both.askRoutes(path, headers);
          const tags = ["*", tagOf(whole), `W/${tagOf(whole)}, "x"`, '"x"'];
          const conditions = tags.map((tag) => ({ "If-None-Match": tag }));
          for (const all of combined([headers], [{}, ...conditions])) {
            const expected = await both.askRoutes(path, all, method);
            assert.deepEqual(await both.ask(path, all, method), expected, JSON.stringify(all));
          }
        }
      });
    }
  }

  it("needs no route for what fits in one write, once it was asked for", async () => {
    const etag = tagOf(await both.ask("/repo", gzip));
    for (const [headers, method] of [
      [gzip, "GET"],
      [gzip, "HEAD"],
      [{ ...gzip, "If-None-Match": etag }, "GET"],
      [{ ...gzip, "If-None-Match": '"other"' }, "GET"],
    ] as const) {
      assert.equal(await both.atOnce("/repo", headers, method), true, JSON.stringify(headers));
    }
    const plain = tagOf(await both.ask("/repo"));
    assert.equal(await both.atOnce("/repo", {}, "HEAD"), true);
    assert.equal(await both.atOnce("/repo", { "If-None-Match": plain }), true);
    for (const path of ["/repo/four", "/repo/four/", "/repo/absent"]) {
      const expected = await both.askRoutes(path, gzip);
      assert.equal(await both.atOnce(path, gzip), true, path);
      assert.deepEqual(await both.ask(path, gzip), expected);
    }
    assert.equal(await both.atOnce("/repo/", gzip), true);
  });

  it("leaves the first of its form to the routes", async () => {
    const headers = { ...gzip, Accept: `${type}v3`, "User-Agent": "dcos/1.11" };
    await catalog.add({ definition: { name: "first" } });
    assert.equal(await both.atOnce("/repo/first", headers), false);
    assert.equal(await both.atOnce("/repo/first", headers), true);
  });

  it("leaves to the routes whatever is more than that", async () => {
    await both.ask("/repo", gzip);
    for (const more of [
      { Range: "bytes=3-20" },
      { Range: "bytes=9999999-" },
      { "If-Range": '"x"' },
      { "If-Match": '"x"' },
      { "Content-Length": "0" },
    ]) {
      const headers = { ...gzip, ...more };
      assert.equal(await both.atOnce("/repo", headers), false, JSON.stringify(more));
      assert.deepEqual(await both.ask("/repo", headers), await both.askRoutes("/repo", headers));
    }
    for (const path of [
      "/repo?x",
      "/repo/four?x",
      "/repo//",
      "/repo/Four",
      "/repo/f%6fur",
      "/repos",
    ]) {
      assert.equal(await both.atOnce(path, gzip), false, path);
      assert.deepEqual(await both.ask(path, gzip), await both.askRoutes(path, gzip));
    }
    for (const method of ["POST", "DELETE", "OPTIONS"]) {
      assert.equal(await both.atOnce("/repo", gzip, method), false, method);
    }
  });

  it("sends an index in pieces that is too large for one write", async () => {
    const large = new MemoryCatalog();
    const index = new CosmosIndex({ catalog: large, locations });
    const noise = createHash("shake256", { outputLength: 1_000_000 }).digest("hex");
    await large.add({ definition: { name: "large", description: noise } });
    const ways = new BothWays(index);
    await ways.listen();
    try {
      const expected = await ways.askRoutes("/repo", gzip);
      assert.ok(expected.body.length > 1_000_000, String(expected.body.length));
      assert.equal(await ways.atOnce("/repo", gzip), false);
      assert.deepEqual(await ways.ask("/repo", gzip), expected);
      assert.equal(await ways.atOnce("/repo", gzip, "HEAD"), true);
    } finally {
      await ways.close();
    }
  });

  it("follows the catalogue at once, and asks it when memory does not tell", async () => {
    await both.ask("/repo", gzip);
    await catalog.add({ definition: { name: "later" } });
    const { body } = await both.ask("/repo");
    assert.match(body.toString(), /"later"/);
    await both.ask("/repo", gzip);
    assert.equal(await both.atOnce("/repo", gzip), true);
    catalog.remembers = false;
    assert.equal(await both.atOnce("/repo", gzip), false);
  });
});

/** Documents cannot be read from it while it is away. */
class AwayStore extends MemoryStore {
  away = false;

  override async load(key: string): Promise<LoadedObject | undefined> {
    if (this.away) throw new StoreUnavailable("away");
    return super.load(key);
  }
}

describe("/repo in front of the routes, over a storage", () => {
  const options = { manifestLimit: 1024 * 1024, uploadLifeMs: 60_000 };
  let now: number;
  let store: AwayStore;
  let cache: DocumentCache;
  let here: PackageCatalog;
  let both: BothWays;

  const add = async (catalog: PackageCatalog, name: string): Promise<void> => {
    const bundle = await makeBundle({ name, version: "1", assets: { f: fixedBody(name) } });
    await catalog.ingest(bundle.stream(), new AbortController().signal);
  };
  const shown = async (): Promise<string[]> => {
    const { body } = await both.ask("/repo", gzip);
    return JSON.parse(gunzipSync(body).toString()).packages.map(({ name }: Named) => name);
  };

  beforeEach(async () => {
    now = 10_000;
    store = new AwayStore();
    cache = new DocumentCache({ maxAgeMs: 1500, clock: () => now });
    here = new PackageCatalog(openRegistry(store, options, { cache, changes: cache }));
    both = new BothWays(new CosmosIndex({ catalog: here, locations }));
    await both.listen();
    await add(here, "first");
    await both.ask("/repo", gzip);
  });
  afterEach(() => both.close());

  it("shows what this server adds from then on", async () => {
    assert.equal(await both.atOnce("/repo", gzip), true);
    await add(here, "second");
    assert.equal(await both.atOnce("/repo", gzip), false);
    assert.deepEqual(await shown(), ["first", "second"]);
    assert.equal(await both.atOnce("/repo", gzip), true);
  });

  it("shows what another instance adds in time", async () => {
    await add(new PackageCatalog(openRegistry(store, options)), "second");
    now += 1499;
    assert.equal(await both.atOnce("/repo", gzip), true);
    now += 1;
    assert.equal(await both.atOnce("/repo", gzip), false);
    assert.deepEqual(await shown(), ["first", "second"]);
  });

  it("goes on behind the catalogue's age when nothing has changed", async () => {
    now += 1500;
    assert.equal(await both.atOnce("/repo", gzip), false);
    assert.equal(await both.atOnce("/repo", gzip), true);
  });

  it("asks the storage while the catalogue is written, and when memory is not trusted", async () => {
    const open = cache.close(layout.catalog);
    assert.equal(await both.atOnce("/repo", gzip), false);
    assert.equal(await both.atOnce("/repo", gzip), false);
    open();
    await both.ask("/repo", gzip);
    assert.equal(await both.atOnce("/repo", gzip), true);
    cache.trustUntil(now);
    assert.equal(await both.atOnce("/repo", gzip), false);
  });

  it("is the last good index when the storage fails", async () => {
    store.away = true;
    now += 1500;
    assert.equal(await both.atOnce("/repo", gzip), false);
    assert.deepEqual(await shown(), ["first"]);
    store.away = false;
    await add(new PackageCatalog(openRegistry(store, options)), "second");
    now += 600_000;
    assert.deepEqual(await shown(), ["first", "second"]);
  });
});
