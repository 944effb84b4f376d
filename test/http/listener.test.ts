/** Protects that routes beside `/v2` are loaded once, when asked for, and again when that has failed. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, it } from "node:test";
import { request } from "undici";
import { createListener } from "../../src/http/listener.ts";
import { loadedOnce } from "../../src/http/loaded-once.ts";

describe("the listener", () => {
  let server: Server;
  let url: string;
  let listener: RequestListener;
  let failures: unknown[];
  let opened: number;

  const ask = async (path: string): Promise<string> => (await request(url + path)).body.text();
  const app: RequestListener = (_request, response) => response.end("app");
  const listen = (open: () => Promise<RequestListener>): RequestListener =>
    createListener(
      async (_request, response) => void response.end("v2"),
      loadedOnce(
        async () => {
          opened += 1;
          return open();
        },
        (error) => failures.push(error),
      ),
    );

  before(async () => {
    server = createServer((...exchange) => listener(...exchange)).listen(0, "127.0.0.1");
    await once(server, "listening");
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    failures = [];
    opened = 0;
  });

  it("loads nothing for what begins with /v2", async () => {
    listener = listen(async () => app);
    for (const path of ["/v2", "/v2/", "/v2?n=1", "/v2/app/tags/list"]) {
      assert.equal(await ask(path), "v2", path);
    }
    assert.equal(opened, 0);
    assert.equal(await ask("/v2x"), "app");
  });

  it("loads the application once, however many ask at the same time", async () => {
    const gate = new EventTarget();
    listener = listen(async () => {
      await once(gate, "open");
      return app;
    });
    const asked = Array.from({ length: 8 }, () => ask("/repo"));
    while (opened === 0) await new Promise((resolve) => setImmediate(resolve));
    gate.dispatchEvent(new Event("open"));
    assert.deepEqual(new Set(await Promise.all(asked)), new Set(["app"]));
    assert.equal(await ask("/health"), "app");
    assert.equal(opened, 1);
  });

  it("answers 500 when it cannot be loaded, says why, and tries again", async () => {
    const broken = new Error("no such module");
    let whole = false;
    listener = listen(async () => {
      if (!whole) throw broken;
      return app;
    });
    const { statusCode } = await request(`${url}/repo`);
    assert.equal(statusCode, 500);
    assert.deepEqual(failures, [broken]);
    whole = true;
    assert.equal(await ask("/repo"), "app");
    assert.equal(opened, 2);
  });
});
