/** Protects the limits of uploads: how long one may take, and how many there are at once. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { afterEach, describe, it } from "node:test";
import { digestOf } from "./v2/content.ts";
import { send } from "./v2/script.ts";
import { startV2Server, type V2Server, type V2ServerOptions } from "./v2/v2-server.ts";

const bytes = Buffer.from("of an upload");
const lifeMs = 3_600_000;

describe("uploads", () => {
  let server: V2Server;
  const open: ClientRequest[] = [];

  afterEach(async () => {
    for (const request of open.splice(0)) request.destroy();
    await server.close();
  });

  async function start(options: V2ServerOptions): Promise<void> {
    server = await startV2Server(options);
  }

  const ask = (method: string, path: string, body?: Buffer) =>
    send(server.port, { method, path, ...(body && { body }) });

  async function newSession(): Promise<string> {
    const started = await ask("POST", "/v2/limited/blobs/uploads/");
    assert.equal(started.status, 202);
    return String(started.headers.location);
  }

  /** Sends a part of a body and stops. @returns when the server has begun to read it */
  async function stall(path: string): Promise<ClientRequest> {
    const headers = { "Content-Length": 1000, Expect: "100-continue" };
    const target = { host: "127.0.0.1", port: server.port, method: "PATCH", path, headers };
    const stalled = request({ ...target, agent: false });
    stalled.on("error", () => {});
    open.push(stalled);
    stalled.flushHeaders();
    await once(stalled, "continue");
    stalled.write(bytes);
    return stalled;
  }

  it("can be continued for a while, and are not known afterwards", async () => {
    let nowMs = 1_700_000_000_000;
    await start({ registry: { uploadLifeMs: lifeMs, now: () => nowMs } });
    const path = await newSession();
    assert.equal((await ask("PATCH", path, bytes)).status, 202);
    nowMs += lifeMs;
    assert.equal((await ask("GET", path)).status, 204);
    nowMs += 1;
    for (const method of ["GET", "PATCH", "PUT", "DELETE"]) {
      const query = method === "PUT" ? `?digest=${digestOf(bytes)}` : "";
      const body = method === "PATCH" ? bytes : undefined;
      const { status, body: answer } = await ask(method, path + query, body);
      assert.equal(status, 404, method);
      assert.match(answer.toString(), /"code":"BLOB_UPLOAD_UNKNOWN".*has expired/);
    }
  });

  const limits = [
    { of: "one client", uploads: { perClient: 2, total: 100 } },
    { of: "all clients", uploads: { perClient: 100, total: 2 } },
  ];
  for (const { of, uploads } of limits) {
    it(`are refused with Retry-After when ${of} sends too many, before the body`, async () => {
      await start({ uploads });
      const third = await newSession();
      const first = await stall(await newSession());
      const second = await stall(await newSession());
      const further = [
        ["PATCH", third],
        ["POST", "/v2/limited/blobs/uploads/"],
      ] as const;
      for (const [method, path] of further) {
        const refused = await ask(method, path, bytes);
        assert.equal(refused.status, 429);
        assert.ok(Number(refused.headers["retry-after"]) > 0);
        assert.match(refused.body.toString(), /"code":"TOOMANYREQUESTS"/);
      }
      const read = await ask("GET", "/v2/_catalog");
      assert.equal(read.status, 200, "reads need no place");
      assert.equal(server.slots.used, 2);

      first.destroy();
      second.end(Buffer.alloc(1000 - bytes.byteLength));
      const [answer] = (await once(second, "response")) as [IncomingMessage];
      assert.equal(answer.statusCode, 202);
      while (server.slots.used > 0) await new Promise(setImmediate);
      assert.equal((await ask("PATCH", third, bytes)).status, 202);
    });
  }
});
