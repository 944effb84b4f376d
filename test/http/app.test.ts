/** What express answers where no route is, and that it leaves nothing of its own in the answers. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { describe, it } from "node:test";
import { pino } from "pino";
import supertest from "supertest";
import { CosmosIndex } from "../../src/catalog/cosmos-index.ts";
import { createApp } from "../../src/http/app.ts";
import { NoCollection } from "../../src/registry/collector/garbage-collection.ts";
import { MemoryCatalog } from "../catalog/memory-catalog.ts";

const catalog = new MemoryCatalog();
const locations = { publicUrl: "https://registry.test", imageHost: "registry.test" };
const app = createApp({
  v2: async (_request, response) => void response.writeHead(418, { "Content-Length": 0 }).end(),
  catalog,
  index: new CosmosIndex({ catalog, locations }),
  locations,
  openBlob: () => assert.fail("nothing is stored"),
  guard: () => assert.fail("nothing is written"),
  bundleLimit: 0,
  collection: new NoCollection("nothing here to collect"),
  healthChecks: [],
  log: pino({ level: "silent" }),
});

describe("app", () => {
  it("answers an unknown path with Cosmos' envelope and 404", async () => {
    const answer = await supertest(createServer(app)).get("/nothing");
    assert.equal(answer.status, 404);
    assert.equal(answer.body.type, "NotFound");
    assert.equal(answer.headers["x-powered-by"], undefined);
  });

  it("hands everything below /v2 to the distribution API, and nothing else", async () => {
    for (const [target, status] of [
      ["/v2", 418],
      ["/v2/", 418],
      ["/v2/a/b", 418],
      ["/v2?x", 418],
      ["/v22", 404],
    ] as const) {
      assert.equal((await supertest(createServer(app)).get(target)).status, status, target);
    }
  });
});
