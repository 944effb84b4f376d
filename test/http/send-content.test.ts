/** Real sockets throughout: what matters here is what a client sees when things break off. */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import { statusOf } from "../../src/http/error-status.ts";
import { RequestError } from "../../src/http/request-error.ts";
import { type Content, sendContent } from "../../src/http/send-content.ts";

const text = "0123456789abcdefghij";

/** Hands out one reused buffer, as the store does: a chunk is garbage once the next is asked for. */
async function* reusedChunks(from: Buffer, chunkSize: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.alloc(chunkSize);
  for (let at = 0; at < from.length; at += chunkSize) {
    const length = from.copy(buffer, 0, at, at + chunkSize);
    yield buffer.subarray(0, length);
    buffer.fill("!");
  }
}

function contentOf(bytes: Buffer | string, chunkSize = 3): Content & { opened: number } {
  const all = Buffer.from(bytes);
  return {
    size: all.length,
    etag: '"one"',
    headers: { "Content-Type": "text/x-test", "Cache-Control": "immutable" },
    opened: 0,
    async open(range) {
      this.opened += 1;
      const part = range ? all.subarray(range.start, range.end + 1) : all;
      return reusedChunks(part, chunkSize);
    },
  };
}

interface Received {
  status: number | undefined;
  headers: IncomingMessage["headers"];
  body: string;
  complete: boolean;
}

describe("sendContent", () => {
  let server: Server;
  let content: Content;
  let outcome: Promise<void>;

  before(async () => {
    server = createServer((incoming, response) => {
      outcome = sendContent(incoming, response, content);
      outcome.catch((error) => {
        if (response.headersSent) return;
        const [status, headers] =
          error instanceof RequestError ? [statusOf(error.code), error.headers] : [500, {}];
        response.writeHead(status, headers).end(String(error));
      });
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
  });

  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const port = () => (server.address() as AddressInfo).port;

  async function get(headers: Record<string, string> = {}, method = "GET"): Promise<Received> {
    const asking = request({ port: port(), headers, method, host: "127.0.0.1" });
    asking.end();
    const [answer] = (await once(asking, "response")) as [IncomingMessage];
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of answer) chunks.push(chunk);
    } catch {
      // Seen as `complete: false`.
    }
    const body = Buffer.concat(chunks).toString("latin1");
    return { status: answer.statusCode, headers: answer.headers, body, complete: answer.complete };
  }

  async function connected(head: string): Promise<Socket> {
    const socket = connect(port(), "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.write(`${head}\r\nHost: x\r\n\r\n`);
    return socket;
  }

  it("sends all of it, from a source that reuses its buffer", async () => {
    content = contentOf(text);
    const { status, headers, body } = await get();
    assert.equal(status, 200);
    assert.equal(body, text);
    assert.equal(headers["content-length"], "20");
    assert.equal(headers["transfer-encoding"], undefined);
    assert.equal(headers["content-type"], "text/x-test");
    assert.equal(headers.etag, '"one"');
    assert.equal(headers["accept-ranges"], "bytes");
  });

  it("answers HEAD like GET, without opening the content", async () => {
    const asked = contentOf(text);
    content = asked;
    const { status, headers, body } = await get({ Range: "bytes=0-1" }, "HEAD");
    assert.equal(status, 200);
    assert.equal(headers["content-length"], "20");
    assert.equal(headers["content-type"], "text/x-test");
    assert.equal(body, "");
    assert.equal(asked.opened, 0);
  });

  it("sends empty content", async () => {
    content = contentOf("");
    const { status, headers, body } = await get();
    assert.deepEqual([status, headers["content-length"], body], [200, "0", ""]);
  });

  for (const [range, expected, contentRange] of [
    ["bytes=0-0", "0", "bytes 0-0/20"],
    ["bytes=5-9", "56789", "bytes 5-9/20"],
    ["bytes=15-", "fghij", "bytes 15-19/20"],
    ["bytes=-4", "ghij", "bytes 16-19/20"],
    ["bytes=18-500", "ij", "bytes 18-19/20"],
  ] as const) {
    it(`answers ${range} with 206 and exact headers`, async () => {
      content = contentOf(text);
      const { status, headers, body } = await get({ Range: range });
      assert.equal(status, 206);
      assert.equal(body, expected);
      assert.equal(headers["content-range"], contentRange);
      assert.equal(headers["content-length"], String(expected.length));
    });
  }

  it("answers several ranges as multipart/byteranges with an exact length", async () => {
    content = contentOf(text);
    const { status, headers, body } = await get({ Range: "bytes=0-2,10-13" });
    const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(
      headers["content-type"] ?? "",
    )?.[1];
    assert.equal(status, 206);
    assert.equal(headers["content-range"], undefined);
    assert.equal(headers["content-length"], String(body.length));
    assert.deepEqual(body.split("\r\n"), [
      "",
      `--${boundary}`,
      "Content-Type: text/x-test",
      "Content-Range: bytes 0-2/20",
      "",
      "012",
      `--${boundary}`,
      "Content-Type: text/x-test",
      "Content-Range: bytes 10-13/20",
      "",
      "abcd",
      `--${boundary}--`,
      "",
    ]);
  });

  it("answers 416 with the size when nothing lies in the range", async () => {
    content = contentOf(text);
    const { status, headers } = await get({ Range: "bytes=20-" });
    assert.equal(status, 416);
    assert.equal(headers["content-range"], "bytes */20");
  });

  it("honours a range only if If-Range names this content", async () => {
    content = contentOf(text);
    const asked = { Range: "bytes=0-1" };
    assert.equal((await get({ ...asked, "If-Range": '"one"' })).status, 206);
    assert.equal((await get({ ...asked, "If-Range": '"two"' })).status, 200);
    assert.equal((await get({ ...asked, "If-Range": 'W/"one"' })).status, 200);
    const date = "Sat, 01 Jan 2028 00:00:00 GMT";
    assert.equal((await get({ ...asked, "If-Range": date })).status, 200);
  });

  it("answers 304 to whoever has this content, by GET and HEAD", async () => {
    content = contentOf(text);
    for (const tag of ['"one"', 'W/"one"', '"x", "one"', "*"]) {
      for (const method of ["GET", "HEAD"]) {
        const { status, headers, body } = await get({ "If-None-Match": tag }, method);
        assert.equal(status, 304);
        assert.equal(headers.etag, '"one"');
        assert.equal(headers["cache-control"], "immutable");
        assert.equal(body, "");
      }
    }
    assert.equal((await get({ "If-None-Match": '"two"' })).status, 200);
  });

  it("answers 412 when If-Match names other content", async () => {
    content = contentOf(text);
    assert.equal((await get({ "If-Match": '"two"' })).status, 412);
    assert.equal((await get({ "If-Match": '"one"' })).status, 200);
  });

  it("leaves the answer to the caller when the content cannot be opened", async () => {
    content = {
      ...contentOf(text),
      open: async () => {
        throw new Error("no disk");
      },
    };
    const { status, body } = await get();
    assert.deepEqual([status, body], [500, "Error: no disk"]);
  });

  it("breaks the connection when the source fails in the middle", async () => {
    content = {
      ...contentOf(text),
      open: async () =>
        (async function* () {
          yield Buffer.from("01234");
          throw new Error("bad sector");
        })(),
    };
    const { status, complete } = await get();
    assert.equal(status, 200);
    assert.equal(complete, false);
    await assert.rejects(outcome, /bad sector/);
  });

  for (const [what, bytes] of [
    ["fewer", "01234"],
    ["more", `${text}!`],
  ] as const) {
    it(`breaks the connection when the source gives ${what} bytes than announced`, async () => {
      content = { ...contentOf(text), open: async () => reusedChunks(Buffer.from(bytes), 64) };
      const answer = await get().catch(() => ({ complete: false }));
      assert.equal(answer.complete, false);
      await assert.rejects(outcome, { code: "SIZE_INVALID" });
    });
  }

  it("stops reading when the client goes away, and lets the source clean up", async () => {
    const source = new EventEmitter();
    const closed = once(source, "closed");
    const size = 1024 ** 3;
    const block = Buffer.alloc(64 * 1024);
    let read = 0;
    content = {
      ...contentOf(""),
      size,
      async open(_range, signal) {
        return (async function* () {
          try {
            for (; read < size; read += block.length) yield block;
          } finally {
            source.emit("closed", signal.aborted);
          }
        })();
      },
    };
    const socket = await connected("GET / HTTP/1.1");
    await once(socket, "data");
    socket.destroy();
    assert.deepEqual(await closed, [true]);
    await outcome;
    assert.ok(read < size / 4, `read ${read} bytes for a client that was gone`);
  });

  it("aborts a source that is still opening when the client goes away", async () => {
    const source = new EventEmitter();
    const opening = once(source, "opening");
    content = {
      ...contentOf(text),
      open: (_range, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
          source.emit("opening");
        }),
    };
    const socket = await connected("GET / HTTP/1.1");
    await opening;
    socket.destroy();
    await outcome;
  });

  it("does not read ahead of a client that does not read", async () => {
    const block = Buffer.alloc(1024 * 1024);
    let read = 0;
    content = {
      ...contentOf(""),
      size: 256 * block.length,
      open: async () =>
        (async function* () {
          for (; read < 256; read += 1) yield block;
        })(),
    };
    const socket = await connected("GET / HTTP/1.1");
    await once(socket, "data");
    socket.pause();
    // Two round trips on another connection: time enough for a source without back-pressure to run off.
    const slow = read;
    const paused = content;
    content = contentOf(text);
    await get();
    await get();
    content = paused;
    assert.ok(read < 64, `read ${read} MiB (${slow} at first)`);
    socket.destroy();
  });

  it("serves pipelined requests on one connection in order", async () => {
    content = contentOf(text);
    const socket = connect(port(), "127.0.0.1");
    const head = "GET / HTTP/1.1\r\nHost: x\r\n";
    socket.write(`${head}\r\n${head}Range: bytes=0-3\r\nConnection: close\r\n\r\n`);
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk);
    const bodies = Buffer.concat(chunks)
      .toString()
      .split(/HTTP\/1\.1 /)
      .slice(1)
      .map((answer) => answer.split("\r\n\r\n")[1]);
    assert.deepEqual(bodies, [text, "0123"]);
  });
});
