import assert from "node:assert/strict";
import { type FileHandle, open, readFile } from "node:fs/promises";
import path from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { type DownloadSource, download } from "../../../src/cli/fetch/download.ts";
import { FetchFailed } from "../../../src/cli/fetch/fetch-failed.ts";
import type { HttpClient } from "../../../src/cli/fetch/http-client.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { makeScratch, removeScratch } from "../../fixtures/scratch.ts";
import { type Handler, plainClient, Web } from "./web.ts";

const content = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251));
const signal = new AbortController().signal;

describe("download", () => {
  let directory: string;
  let web: Web;
  let client: HttpClient;
  let file: FileHandle;

  before(async () => {
    directory = await makeScratch("download");
    web = await Web.start();
    client = plainClient({}, 300);
  });
  after(async () => {
    await client.close();
    await web.close();
    await removeScratch(directory);
  });
  beforeEach(async () => {
    web.requests.length = 0;
    file = await open(path.join(directory, "file"), "w+");
  });
  afterEach(() => file.close());

  const source = (immutable: boolean, size?: number): DownloadSource => ({
    immutable,
    ...(size !== undefined && { size }),
    open: (headers) => client.send(web.url("/x"), { headers, signal }),
  });
  const options = { backOffMs: 1, signal, idleTimeoutMs: 300 };
  const get = (immutable = true, size?: number) => download(source(immutable, size), file, options);
  const stored = () => readFile(path.join(directory, "file"));

  /** The nth request gets the nth handler. */
  const answer = (...handlers: Handler[]) => {
    web.handler = (request, response) => {
      const handler = handlers[web.requests.length - 1] ?? assert.fail("one request too many");
      handler(request, response);
    };
  };
  const whole: Handler = (_request, response) => response.end(content);
  const broken =
    (bytes: number, headers: Record<string, string> = {}): Handler =>
    (_request, response) => {
      response.writeHead(200, { "Content-Length": String(content.length), ...headers });
      response.write(content.subarray(0, bytes), () => response.destroy());
    };
  const status =
    (code: number, headers: Record<string, string> = {}): Handler =>
    (_request, response) =>
      void response.writeHead(code, headers).end("no");
  /** Answers the range that is asked for; may lie about it. */
  const rest =
    (shift = 0): Handler =>
    (request, response) => {
      const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1]) + shift;
      const range = `bytes ${start}-${content.length - 1}/${content.length}`;
      response.writeHead(206, { "Content-Range": range }).end(content.subarray(start));
    };

  const failure = async (immutable?: boolean, size?: number): Promise<FetchFailed> => {
    const error = await get(immutable, size).then(
      () => assert.fail("succeeded"),
      (reason) => reason,
    );
    assert.ok(error instanceof FetchFailed, String(error));
    return error;
  };

  it("writes the content and tells its digest and size", async () => {
    answer(whole);
    assert.deepEqual(await get(), { digest: digestOf(content), size: content.length });
    assert.ok((await stored()).equals(content));
    assert.equal(web.requests[0]?.headers["accept-encoding"], "identity");
  });

  it("goes on where it broke off", async () => {
    answer(broken(60_000), rest());
    assert.equal((await get()).digest, digestOf(content));
    assert.equal(web.requests[1]?.headers.range, "bytes=60000-");
    assert.ok((await stored()).equals(content));
  });

  it("starts again when the server sends all, another range, or refuses ranges", async () => {
    for (const second of [[whole], [rest(5), whole], [status(416), whole]]) {
      web.requests.length = 0;
      answer(broken(60_000), ...second);
      assert.equal((await get()).digest, digestOf(content));
      assert.ok((await stored()).equals(content));
    }
  });

  it("joins two answers of a mutable source only when its validator holds", async () => {
    answer(broken(50_000, { ETag: '"one"' }), rest());
    assert.equal((await get(false)).digest, digestOf(content));
    assert.equal(web.requests[1]?.headers["if-range"], '"one"');
    for (const headers of [{}, { ETag: 'W/"weak"' }] as Record<string, string>[]) {
      web.requests.length = 0;
      answer(broken(50_000, headers), whole);
      assert.equal((await get(false)).digest, digestOf(content));
      assert.equal(web.requests[1]?.headers.range, undefined);
    }
  });

  it("tries three times, then says how far it came", async () => {
    answer(broken(1024), broken(1024), broken(1024));
    // How much of the last piece still arrived is up to the socket.
    assert.match((await failure()).message, /^truncated: got (?:0|1,024) of 100,000 bytes$/);
    assert.equal(web.requests.length, 3);
  });

  it("goes on as long as it gets on", async () => {
    const size = 10 * 1024 * 1024;
    const large = Buffer.alloc(size, 1);
    web.handler = (request, response) => {
      const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
      const range = `bytes ${start}-${size - 1}/${size}`;
      const headers = { "Content-Length": String(size - start), "Content-Range": range };
      response.writeHead(start === 0 ? 200 : 206, headers);
      const end = start + 2 * 1024 * 1024;
      response.write(large.subarray(start, end), () => {
        if (end >= size) response.end();
        else response.destroy();
      });
    };
    assert.equal((await get()).digest, digestOf(large));
    assert.ok(web.requests.length >= 5);
  });

  it("is not kept busy by a server that always starts again", async () => {
    const large = Buffer.alloc(3 * 1024 * 1024, 1);
    web.handler = (_request, response) => {
      response.writeHead(200, { "Content-Length": "9000000" });
      response.write(large, () => response.destroy());
    };
    assert.match((await failure()).message, /^truncated/);
    assert.ok(web.requests.length <= 4, String(web.requests.length));
  });

  it("waits and tries again on 408, 429 and 5xx, and not on 4xx", async () => {
    for (const code of [408, 429, 500, 502, 503, 504]) {
      web.requests.length = 0;
      answer(status(code), whole);
      assert.equal((await get()).digest, digestOf(content));
    }
    web.requests.length = 0;
    answer(status(404));
    assert.equal((await failure()).message, "HTTP 404 Not Found");
    web.requests.length = 0;
    answer(status(503), status(503), status(503));
    assert.equal((await failure()).message, "HTTP 503 Service Unavailable");
  });

  it("gives up on silence, three times", async () => {
    web.handler = () => {};
    assert.equal((await failure()).message, "timed out after 0.3 s (3 attempts)");
    assert.equal(web.requests.length, 3);
  });

  it("notices silence in the middle of a body", async () => {
    const silent: Handler = (_request, response) => {
      response.writeHead(200, { "Content-Length": String(content.length) });
      response.write(content.subarray(0, 500));
    };
    answer(silent, rest());
    assert.equal((await get()).digest, digestOf(content));
  });

  it("refuses more bytes than expected, at once", async () => {
    answer(whole);
    const error = await failure(true, 1000);
    assert.equal(error.message, "longer than the 1,000 bytes expected");
  });

  it("stops when told to", async () => {
    const abort = new AbortController();
    web.handler = (_request, response) => {
      response.writeHead(200, { "Content-Length": "1000" });
      response.write("x", () => abort.abort(new Error("enough")));
    };
    const aborted = download(
      {
        immutable: true,
        open: (headers) => client.send(web.url(), { headers, signal: abort.signal }),
      },
      file,
      { ...options, signal: abort.signal },
    );
    await assert.rejects(aborted, /enough/);
  });
});
