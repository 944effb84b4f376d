/** Protects what becomes of answers that come in other pieces than one expects. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { after, afterEach, before, describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Agent } from "undici";
import { HttpHandler } from "../../../src/storage/s3/http-handler.ts";

describe("an answer of the store", () => {
  let server: Server;
  let handler: HttpHandler;
  let answer: Buffer;

  before(async () => {
    server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", () => socket.write(answer));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  after(() => server.close());
  afterEach(() => handler.destroy());

  const ask = async () => {
    handler = new HttpHandler(new Agent());
    const { port } = server.address() as AddressInfo;
    const hostname = "127.0.0.1";
    const asked = { method: "GET", protocol: "http:", hostname, port, path: "/", headers: {} };
    return (await handler.handle(asked)).response.body;
  };

  it("that breaks in the packet of its beginning fails, and is no longer open", async () => {
    answer = Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n");
    await assert.rejects(async () => {
      for await (const _ of await ask());
    });
    await setImmediate();
    assert.equal(handler.open, 0);
  });

  it("comes in the chunks in which it was read, however slowly it is taken", async () => {
    const size = 4 * 1024 * 1024;
    const head = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
    answer = Buffer.concat([head, Buffer.alloc(size)]);
    let taken = 0;
    for await (const chunk of await ask()) {
      assert.ok(chunk.byteLength <= 64 * 1024, `${chunk.byteLength} bytes in one`);
      taken += chunk.byteLength;
      for (let turn = 0; turn < 4; turn += 1) await setImmediate();
    }
    assert.equal(taken, size);
    await setImmediate();
    assert.equal(handler.open, 0);
  });
});
