/**
 * Protects the server from clients that stop in the middle: of the handshake, of a header, of a body,
 * of reading an answer. Each is let go of in time, in words where that is possible, and holds little
 * until then.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { connect as connectTls } from "node:tls";
import { pino } from "pino";
import { bodyOf } from "../../src/http/read-limited.ts";
import { sendContent } from "../../src/http/send-content.ts";
import { httpLimits } from "../../src/server/http-limits.ts";
import { HttpsServer } from "../../src/server/https-server.ts";
import { CertificateAuthority } from "../fixtures/certificate-authority.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { WireConnection } from "../http/fuzz/wire.ts";

const mebibyte = 1024 * 1024;
const large = 256 * mebibyte;
const limits = {
  ...httpLimits,
  headersTimeout: 500,
  connectionsCheckingInterval: 100,
  handshakeTimeout: 1000,
  silenceMs: 3000,
};

describe("a server whose clients stop in the middle", () => {
  const running = new AbortController();
  const authority = new CertificateAuthority();
  let scratch: string;
  let server: HttpsServer;
  let port: number;
  /** Bytes that the source of the large answer was asked for. */
  let given = 0;
  /** How the handlers of requests ended. */
  let ends: Promise<string>[] = [];

  async function* source(): AsyncGenerator<Buffer> {
    const piece = Buffer.alloc(64 * 1024);
    for (given = 0; given < large; given += piece.byteLength) yield piece;
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<string> {
    if (request.method === "GET") {
      const headers = { "Content-Type": "application/octet-stream" };
      await sendContent(request, response, {
        size: large,
        etag: '"large"',
        headers,
        open: async () => source(),
      });
      return "sent";
    }
    for await (const _ of bodyOf(request));
    response.end();
    return "read";
  }

  before(async () => {
    scratch = await makeScratch("slow-clients");
    const { key, certificate } = authority.issue("localhost", "127.0.0.1");
    const files = { cert: path.join(scratch, "cert"), key: path.join(scratch, "key") };
    await writeFile(files.cert, certificate);
    await writeFile(files.key, key);
    const log = pino({ level: "silent" });
    server = await HttpsServer.create(files, running.signal, log, limits);
    server.serve((request, response) => {
      ends.push(handle(request, response).catch((error: Error) => `failed: ${error.message}`));
    });
    port = await server.listen({ host: "127.0.0.1", port: 0 });
  });

  after(async () => {
    running.abort();
    await server.drain(0);
    await removeScratch(scratch);
  });

  async function dial(): Promise<Socket> {
    const socket = connectTls({ host: "127.0.0.1", port, ca: authority.certificate });
    await once(socket, "secureConnect");
    ends = [];
    return socket;
  }

  async function wire(): Promise<WireConnection> {
    return new WireConnection(await dial());
  }

  it("ends a connection that never speaks TLS, and one that speaks something else", async () => {
    for (const said of ["", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "\u0016\u0003\u0001x"]) {
      const socket = connect(port, "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      const closed = once(socket, "close");
      socket.write(said);
      await closed;
    }
  });

  it("answers 408 to a header that does not end", async () => {
    const connection = await wire();
    connection.send(Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "));
    const refused = await connection.read("GET");
    assert.equal(refused?.status, 408);
    assert.match(refused.body.toString(), /"code":"UNSUPPORTED"/);
    assert.equal(await connection.read("GET"), undefined);
  });

  it("answers 431 to a header that is too long, and 400 to what is no header", async () => {
    const head = "GET / HTTP/1.1\r\nHost: localhost\r\n";
    const sent: readonly (readonly [string, number])[] = [
      [`${head}X: ${"x".repeat(40_000)}\r\n\r\n`, 431],
      [`${head}no header\r\n\r\n`, 400],
    ];
    for (const [bytes, status] of sent) {
      const connection = await wire();
      connection.send(Buffer.from(bytes));
      const refused = await connection.read("GET");
      assert.equal(refused?.status, status);
      assert.ok(refused.last);
    }
  });

  it("lets go of a body that does not come", async () => {
    const connection = await wire();
    connection.send(Buffer.from("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"));
    assert.equal(await connection.read("POST"), undefined);
    assert.match(String(await ends[0]), /^failed: aborted/);
  });

  it("lets go of an answer that nobody reads, and has read little of it", async () => {
    const socket = await dial();
    socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    socket.pause();
    await once(socket, "readable");
    const closed = once(socket, "close");
    assert.equal(await ends[0], "sent", "a client that goes away is no failure");
    assert.ok(given < 32 * mebibyte, `${given} bytes were read from the source`);
    socket.on("error", () => {});
    socket.resume();
    await closed;
  });

  it("serves others all the while", async () => {
    const connection = await wire();
    connection.send(Buffer.from("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nwhole"));
    assert.equal((await connection.read("POST"))?.status, 200);
    connection.close();
  });
});
