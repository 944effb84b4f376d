/** Protects what becomes of answers that come in other pieces than one expects. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { after, afterEach, before, describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Agent, Dispatcher } from "undici";
import { HttpHandler } from "../../../src/storage/s3/http-handler.ts";

const hostname = "127.0.0.1";
const asked = { method: "GET", protocol: "http:", hostname, path: "/", headers: {} };

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
    return (await handler.handle({ ...asked, port })).response.body;
  };

  it("that breaks in the packet of its beginning fails, and is no longer open", async () => {
    answer = Buffer.from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n");
    await assert.rejects(async () => {
      for await (const _ of await ask());
    });
    await setImmediate();
    assert.equal(handler.open, 0);
  });

  it("comes in the chunks in which it was read, however many wait to be taken", async () => {
    const pieces = Array.from({ length: 8 }, (_, at) => Buffer.alloc(1024, at));
    handler = new HttpHandler(new AllAtOnce(pieces));
    const { response } = await handler.handle({ ...asked, port: 1 });
    const taken: Buffer[] = [];
    for await (const chunk of response.body) {
      taken.push(chunk);
      await setImmediate();
    }
    assert.ok(taken.length === pieces.length && taken.every((one, at) => one === pieces[at]));
    await setImmediate();
    assert.equal(handler.open, 0);
  });
});

/** Gives an answer in pieces without waiting for anybody to take them. */
class AllAtOnce extends Dispatcher {
  readonly #pieces: readonly Buffer[];

  constructor(pieces: readonly Buffer[]) {
    super();
    this.#pieces = pieces;
  }

  override dispatch(_: Dispatcher.DispatchOptions, taker: Dispatcher.DispatchHandler): boolean {
    taker.onConnect?.(() => undefined);
    taker.onHeaders?.(200, [], () => undefined, "OK");
    for (const piece of this.#pieces) taker.onData?.(piece);
    taker.onComplete?.([]);
    return true;
  }

  override async destroy(): Promise<void> {}
}
