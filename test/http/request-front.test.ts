/**
 * Protects what is true of every request before its path is read: one host, bodies only by
 * invitation, and a refusal in words for what is no request.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { eventually } from "../fixtures/eventually.ts";
import { type WireAnswer, WireConnection } from "./fuzz/wire.ts";
import { digestOf } from "./v2/content.ts";
import { startV2Server, type V2Server } from "./v2/v2-server.ts";

const found = "GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n";
const bytes = Buffer.from("held back");

describe("every request", () => {
  let server: V2Server;

  before(async () => {
    server = await startV2Server();
  });
  after(() => server.close());

  async function dial(): Promise<WireConnection> {
    const socket = connect(server.port, "127.0.0.1");
    await once(socket, "connect");
    return new WireConnection(socket);
  }

  /** All answers until the server closes, or until there are `count`. */
  async function answers(sent: string, count = Number.POSITIVE_INFINITY): Promise<WireAnswer[]> {
    const connection = await dial();
    connection.send(Buffer.from(sent, "latin1"));
    const read: WireAnswer[] = [];
    for (let next = await connection.read("GET"); next; next = await connection.read("GET")) {
      read.push(next);
      if (read.length === count) break;
    }
    connection.close();
    return read;
  }

  const statuses = (read: readonly WireAnswer[]) => read.map(({ status }) => status);

  it("names one host", async () => {
    for (const hosts of ["", "Host: a\r\nHost: b\r\n", "Host: a\r\nhost: a\r\n"]) {
      const [refused] = await answers(`GET /v2/ HTTP/1.1\r\n${hosts}\r\n`);
      assert.equal(refused?.status, 400);
      assert.match(String(refused?.body), /"code":"UNSUPPORTED".*name one Host/);
      assert.ok(refused?.last);
    }
    assert.deepEqual(statuses(await answers("GET /v2/ HTTP/1.0\r\n\r\n")), [200]);
  });

  it("may name the host in its first line, and then that counts", async () => {
    const start = "blobs/uploads/ HTTP/1.1\r\nContent-Length: 0\r\nHost: ";
    const ask = (host: string, header: string) =>
      answers(`POST http://${host}/v2/a/${start}${header}\r\n\r\n`, 1);
    assert.deepEqual(statuses(await ask("localhost", "evil.example")), [202]);
    assert.deepEqual(statuses(await ask("evil.example", "localhost")), [403]);
    assert.deepEqual(
      statuses(await answers("GET http://a?x HTTP/1.1\r\nHost: b\r\n\r\n", 1)),
      [200],
    );
  });

  it("is answered also when something broken comes behind it", async () => {
    const read = await answers(`${found}${found}${found}GET / HTTP/1.1\r\nno header\r\n\r\n`);
    assert.deepEqual(statuses(read), [200, 200, 200, 400]);
    assert.match(String(read[3]?.body), /this is no request/);
  });

  it("gets a refusal in words on a connection that was in use before", async () => {
    const connection = await dial();
    connection.send(Buffer.from(found));
    assert.equal((await connection.read("GET"))?.status, 200);
    connection.send(Buffer.from(`GET / HTTP/1.1\r\nX: ${"x".repeat(40_000)}\r\n\r\n`));
    assert.equal((await connection.read("GET"))?.status, 431);
    assert.equal(await connection.read("GET"), undefined);
  });

  it("is refused when its body breaks off in the middle of a chunk", async () => {
    const head = "POST /package/list HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert.deepEqual(statuses(await answers(`${head}5\r\nhello?`)), [400]);
  });

  it("is seen with its last header, however many stand in front of it", async () => {
    const post = "POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n";
    const passedOn = `${"a:b\r\n".repeat(3000)}X-Forwarded-For: 10.0.0.1\r\n\r\n`;
    assert.deepEqual(statuses(await answers(`${post}\r\n`, 1)), [202]);
    assert.deepEqual(statuses(await answers(post + passedOn, 1)), [403]);
  });

  it("with an unknown expectation is answered as without it", async () => {
    const read = await answers("GET /v2/ HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n", 1);
    assert.deepEqual(statuses(read), [200]);
  });
  it("whose sender leaves in the middle is no fault of ours", async () => {
    const paths = ["/v2/left/a/manifests/x", "/package/add", "/package/list"];
    for (const path of paths) {
      const method = path.startsWith("/v2/") ? "PUT" : "POST";
      const type = path.endsWith("list") ? "application/json" : "application/x-tar";
      const head = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n`;
      const connection = await dial();
      connection.send(Buffer.from(`${head}Content-Type: ${type}\r\nContent-Length: 99\r\n\r\n`));
      await connection.invitation();
      connection.send(Buffer.from("half"));
      connection.close();
    }
    await eventually(async () => assert.equal(await server.connections(), 0));
    assert.deepEqual(server.faults, []);
  });

  it("whose sender leaves before it is read is no fault of ours either", async () => {
    const body = Buffer.alloc(60_000, " ");
    const type = "Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n";
    const list = Buffer.concat([
      Buffer.from(`POST /package/list HTTP/1.1\r\nHost: localhost\r\n${type}`),
      body,
    ]);
    for (let times = 0; times < 20; times += 1) {
      const connection = await dial();
      connection.send(Buffer.concat([list, list, list, list]));
      await connection.read("POST");
      connection.close();
    }
    await eventually(async () => assert.equal(await server.connections(), 0));
    assert.deepEqual(server.faults, []);
  });

  describe("that holds its body back", () => {
    const push = (host: string) =>
      [
        `POST /v2/held/back/blobs/uploads/?digest=${digestOf(bytes)} HTTP/1.1`,
        `Host: ${host}\r\nExpect: 100-continue\r\nContent-Length: ${bytes.byteLength}\r\n\r\n`,
      ].join("\r\n");

    it("is asked for it by the route that reads it", async () => {
      const connection = await dial();
      connection.send(Buffer.from(push("localhost")));
      await connection.invitation();
      connection.send(Buffer.concat([bytes, Buffer.from(found)]));
      assert.deepEqual((await connection.read("POST"))?.status, 201);
      assert.deepEqual((await connection.read("GET"))?.status, 200);
      connection.close();
    });

    it("is refused without being asked for it, and the connection ends", async () => {
      const connection = await dial();
      connection.send(Buffer.from(push("evil.example")));
      const refused = await connection.read("POST");
      assert.equal(refused?.status, 403);
      assert.ok(refused.last);
      assert.equal(connection.invitations, 0);
      connection.close();
    });

    it("ends the connection also where nobody needs the body", async () => {
      const connection = await dial();
      const start = push("localhost").replace(/\?digest=\S+/, "");
      connection.send(Buffer.from(start));
      const started = await connection.read("POST");
      assert.equal(started?.status, 202);
      assert.ok(started.last);
      assert.equal(connection.invitations, 0);
      connection.close();
    });

    it("is asked only when the answers in front of it have left", async () => {
      const connection = await dial();
      connection.send(Buffer.from(`${found}${found}${push("localhost")}`));
      assert.equal((await connection.read("GET"))?.status, 200);
      assert.equal((await connection.read("GET"))?.status, 200);
      await connection.invitation();
      connection.send(bytes);
      assert.equal((await connection.read("POST"))?.status, 201);
      connection.close();
    });
  });
});
