/**
 * Bytes that are no request, or two in one: request smuggling, broken chunks, control characters.
 *
 * Each goes over a connection of its own, which the sender then closes from his side.
 */
import { type Random, random as seeded } from "../../random.ts";
import { noise } from "./bodies.ts";
import { segments } from "./words.ts";
import type { World } from "./world.ts";

const smuggled = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

function post(headers: readonly string[], body: string): string {
  const lines = ["POST /v2/fuzz/a/blobs/uploads/ HTTP/1.1", "Host: localhost", ...headers];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

const lengths: readonly string[] = [
  ...[
    "-1",
    "+5",
    "5,5",
    "5, 6",
    "0x5",
    "5 5",
    "",
    "99999999999999999999",
    "1e1",
    "\u00b2",
    "5\t",
    "05",
  ],
];

const codings: readonly string[] = [
  ...[
    "chunked, identity",
    "identity, chunked",
    "xchunked",
    "chunked\t",
    "\u000bchunked",
    "gzip, chunked",
  ],
  ...[
    "chunked;q=1",
    "chunked, chunked",
    "identity",
    '"chunked"',
    "cHuNkEd",
    " chunked",
    "chunked,",
  ],
];

const chunkedBodies: readonly string[] = [
  ...[
    "-1\r\nx\r\n0\r\n\r\n",
    "fffffffffffffffff\r\nx",
    "5\r\nhello0\r\n\r\n",
    "5\nhello\n0\n\n",
    "g\r\nx\r\n",
  ],
  ...[
    "0x5\r\nhello\r\n0\r\n\r\n",
    "5 \r\nhello\r\n0\r\n\r\n",
    `5;${"x".repeat(40_000)}\r\nhello\r\n0\r\n\r\n`,
  ],
  ...[
    "5;a=b\r\nhello\r\n0\r\nContent-Length: 9\r\nHost: evil\r\n\r\n",
    "\r\n",
    "0\r\n",
    "0\r\nx: y",
    "5\r\nhel",
  ],
  ...[`0\r\n${"x: y\r\n".repeat(9000)}\r\n`, `5\r\nhello\r\n0\r\n\r\n${smuggled}`, "0\r\n\r\nGET"],
];

const lines: readonly string[] = [
  ...[
    "GET / HTTP/1.0",
    "GET / HTTP/0.9",
    "GET /",
    "GET / HTTP/9.9",
    "GET / HTTP/2.0",
    "GET  / HTTP/1.1",
  ],
  ...[
    "get / HTTP/1.1",
    "G\u0000T / HTTP/1.1",
    "GET /\u0000 HTTP/1.1",
    "GET /\u00ff HTTP/1.1",
    " GET / HTTP/1.1",
  ],
  ...[
    "GET / HTTP/1.1 x",
    "GET /a b HTTP/1.1",
    "GET\t/\tHTTP/1.1",
    "GET / http/1.1",
    "\r\n\r\nGET / HTTP/1.1",
  ],
  ...[
    "GET http://evil.example/v2/ HTTP/1.1",
    "GET https://localhost/repo HTTP/1.1",
    "GET //evil/v2/ HTTP/1.1",
  ],
  ...[
    "GET http:///v2/ HTTP/1.1",
    "GET http://[::1 HTTP/1.1",
    "GET evil.example:443 HTTP/1.1",
    "OPTIONS * HTTP/1.1",
  ],
  ...[
    "CONNECT evil.example:443 HTTP/1.1",
    "CONNECT / HTTP/1.1",
    "GET * HTTP/1.1",
    "GET v2/ HTTP/1.1",
  ],
  ...[
    "GET file:///etc/passwd HTTP/1.1",
    "GET ../../etc/passwd HTTP/1.1",
    "GET /../../etc/passwd HTTP/1.1",
  ],
  ...[
    "GET /# HTTP/1.1",
    "GET /v2/#/x HTTP/1.1",
    "PRI * HTTP/2.0",
    "SSH-2.0-x",
    "HELO x",
    "\u0016\u0003\u0001",
  ],
  ...[
    "POST / HTTP/1.1\rX: y",
    "GET /v2/../repo HTTP/1.1",
    "GET /resources/%2e%2e/%2e%2e HTTP/1.1",
    "GET",
  ],
];

const headerLines: readonly string[] = [
  ...[
    "Host: a\r\nHost: b",
    "Host",
    ": x",
    "X : y",
    " X: y",
    "X\u0000: y",
    "X: y\u0000z",
    "X: y\rZ: w",
    "X: y\nZ: w",
  ],
  ...[
    "X: a\r\n b",
    "X: a\r\n\tb",
    "Transfer-Encoding: chunked\r\nContent-Length: 5",
    "\u00e9: x",
    "X: \u0007",
  ],
  ...[
    "Content-Length: 5\r\nContent-Length: 5",
    "Content-Length: 5\r\nContent-Length: 6",
    `X: ${"x".repeat(40_000)}`,
  ],
  ...[
    "Authorization: Basic YTpi\r\nAuthorization: Bearer x",
    "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings",
  ],
  ...[
    "Upgrade: websocket\r\nConnection: Upgrade",
    "Connection: close, close\r\nConnection: keep-alive",
  ],
  ...[
    "Range: bytes=0-0\r\nRange: bytes=1-1",
    "Content-Type: a/b\r\nContent-Type: c/d",
    "Expect: 200-ok",
  ],
  ...[
    "Expect: 100-continue\r\nContent-Length: 10",
    "(x): y",
    "X=Y: z",
    `${"x: y\r\n".repeat(3000)}z: w`,
  ],
  ...[
    `${"x".repeat(30_000)}: y`,
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "X:y\r\n\r\nX: y",
  ],
];

const shapes: readonly ((random: Random, world: World) => string | Buffer)[] = [
  (random) => post([`Content-Length: ${random.pick(lengths)}`], `hello${smuggled}`),
  (random) => post([`Transfer-Encoding: ${random.pick(codings)}`], `0\r\n\r\n${smuggled}`),
  (random) =>
    post(["Content-Length: 4", `Transfer-Encoding: ${random.pick(codings)}`], `5e\r\n${smuggled}`),
  (random) => post(["Transfer-Encoding: chunked"], random.pick(chunkedBodies)),
  (random) =>
    post(["Transfer-Encoding: chunked"], random.pick(chunkedBodies) + random.pick(chunkedBodies)),
  (random) => `${random.pick(lines)}\r\nHost: localhost\r\n\r\n`,
  (random) => `${random.pick(lines)}\r\n\r\n`,
  (random) => `GET /v2/ HTTP/1.1\r\nHost: localhost\r\n${random.pick(headerLines)}\r\n\r\n`,
  (random) =>
    `PUT /v2/fuzz/a/manifests/x HTTP/1.1\r\nHost: localhost\r\n${random.pick(headerLines)}\r\n\r\nhello`,
  (random) =>
    `GET /${"a".repeat(random.pick([8000, 16_380, 16_390, 30_000, 40_000]))} HTTP/1.1\r\nHost: x\r\n\r\n`,
  (random) =>
    `GET /v2/${"a/".repeat(random.pick([100, 8180, 8200, 15_000]))} HTTP/1.1\r\nHost: x\r\n\r\n`,
  (random) => post([`Content-Length: ${random.pick([1, 100, 10 ** 6, 10 ** 12])}`], "cut off"),
  (random, world) => {
    const path = world.sessions.length ? random.pick(world.sessions) : "/v2/fuzz/a/blobs/uploads/x";
    return `PATCH ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n${random.pick(segments)}`;
  },
  (random) => noise(random, 2000),
  (random) => {
    const request = Buffer.from(post(["Content-Length: 5"], "hello"));
    for (let count = random.integer(1, 4); count > 0; count -= 1) {
      request[random.integer(0, request.byteLength - 1)] = random.integer(0, 255);
    }
    return request;
  },
  (random) => {
    const request = post(["Content-Length: 5"], "hello");
    return request.slice(0, random.integer(1, request.length - 1));
  },
];

/** The same for the same seed and number, but for the upload session that it may name. */
export function rawShape(seed: number, number: number, world: World): Buffer {
  const random = seeded(Math.imul(seed, 7_000_003) + number);
  const bytes = random.pick(shapes)(random, world);
  return typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
}
