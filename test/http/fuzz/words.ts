/**
 * Hostile words for every place in a request: legal as HTTP, so that they reach our own code.
 *
 * Each list holds what once broke some server: traversal in every spelling, other languages' special
 * names, numbers at the edges, quotes that do not close.
 */
import type { Random } from "../../random.ts";

const long = (text: string, count: number): string => text.repeat(count);

/** Percent-coded: they stand in paths and queries. */
export const segments: readonly string[] = [
  ...["..", ".", "...", "%2e%2e", ".%2e", "%2e", "..%2f..%2fetc%2fpasswd", "%2f", "%2F%2F"],
  ...["%252e%252e%252f", "..%5c..%5c", "\\..\\..", "%c0%ae%c0%ae%c0%af", "..%00", "..;/", "..%3b"],
  ...["%00", "a%00b", "%ff", "%80", "%", "%2", "%zz", "%u002e", "%0d%0aX-Injected:%201", "%0a"],
  ...["%20", "+", "a%20b", "%09", "%7f", "%e2%80%ae", "%F0%9F%92%A9", "%ed%a0%80", "%ef%bb%bf"],
  ...["constructor", "__proto__", "prototype", "toString", "hasOwnProperty", "undefined", "null"],
  ...["blobs", "manifests", "uploads", "tags", "list", "referrers", "_catalog", "token", "v2"],
  ...[
    "A",
    "a_",
    "_a",
    "-a",
    "a-",
    "a..b",
    "a--b",
    "a__b",
    "a___b",
    "a.-b",
    "a!b",
    "a~",
    "@",
    "a@b",
  ],
  ...[
    "*",
    "?",
    "%3f",
    "%23",
    ";",
    "a;b",
    ":",
    "a:b",
    "=",
    "&",
    "'",
    "%22",
    "<script>",
    "|id",
    "`id`",
  ],
  ...[
    "$(id)",
    "{{7*7}}",
    "con",
    "aux",
    "nul",
    "0",
    "-1",
    "1e309",
    "NaN",
    "{name}",
    "[0]",
    "(a*)*b",
  ],
  ...[
    long("a", 255),
    long("a", 256),
    long("a/", 128),
    long("%41", 300),
    long("a-", 500),
    "a/b/c/d",
  ],
];

const hex = (random: Random, count: number): string => {
  let text = "";
  for (let at = 0; at < count; at += 1) text += random.integer(0, 15).toString(16);
  return text;
};

/** Digests that name nothing, and texts that are none. */
export function oddDigest(random: Random): string {
  const odd = [
    () => `sha256:${hex(random, 64)}`,
    () => `sha512:${hex(random, 128)}`,
    () => `sha256:${hex(random, random.integer(0, 140))}`,
    () => `sha512:${hex(random, 64)}`,
    () => `sha256:${hex(random, 64).toUpperCase()}`,
    () => `SHA256:${hex(random, 64)}`,
    () => `md5:${hex(random, 32)}`,
    () => `sha384:${hex(random, 96)}`,
    () => `sha256+b64:${hex(random, 64)}`,
    () => `sha256:${hex(random, 62)}..`,
    () => `sha256:../${hex(random, 61)}`,
    () => `sha256:${hex(random, 64)}%0a`,
    () => `sha256:${hex(random, 64)}%00`,
    () => `%73ha256:${hex(random, 64)}`,
    () => `sha256%3A${hex(random, 64)}`,
    () => `sha256:sha256:${hex(random, 64)}`,
    () => `:${hex(random, 64)}`,
    () => "sha256:",
    () => "sha256:%2e%2e%2f%2e%2e",
    () => long("sha256:", 200),
    () => random.pick(segments),
  ];
  return random.pick(odd)();
}

export const numbers: readonly string[] = [
  ...["0", "1", "2", "-1", "+1", "00", "007", "1.5", "1e3", "0x10", " 1", "1,2", "", "NaN"],
  ...["2147483648", "4294967296", "9007199254740993", "18446744073709551616", long("9", 400)],
  ...["Infinity", "-0", "%31", "\u0660", "1;2", "1%00"],
];

export const ranges: readonly string[] = [
  ...["bytes=0-0", "bytes=0-", "bytes=-1", "bytes=-0", "bytes=5-2", "bytes=0-0,0-0", "bytes=,", ""],
  ...[
    "bytes=",
    "bytes",
    "bytes=-",
    "bytes=a-b",
    "bytes=0-0,-1",
    "bytes=999999999999-",
    "bytes = 0-1",
  ],
  ...["bytes=0-18446744073709551615", "bytes=9007199254740993-", "items=0-1", "BYTES=0-1", "=0-1"],
  ...[
    "bytes=0-1,2-3,4-5",
    `bytes=${long("0-,", 1500)}0-`,
    `bytes=${long("0-0,", 1020)}1-1`,
    "bytes=1",
  ],
  ...["bytes=--1", "bytes=0--1", "bytes=0-0;q=1", "bytes=0-0, 2-3 ,", `bytes=${long("9", 300)}-`],
];

export const contentRanges: readonly string[] = [
  ...[
    "0-0",
    "0-1",
    "1-0",
    "-",
    "0-",
    "-0",
    "bytes 0-1/2",
    "bytes=0-1",
    "0-1/2",
    "a-b",
    "",
    "00-01",
  ],
  ...["0-999999999999999", "0-9999999999999999", "999999999999999-999999999999999", "1-1", "5-9"],
  ...["0-0,1-1", " 0-3", "0 -3", "0-18446744073709551616", "+0-+3", "0x0-0x3", "\u00bd-1"],
];

export const conditions: readonly string[] = [
  ...["*", '"', '""', '"x"', "W/", 'W/"x"', 'w/"x"', '"a","b"', '"a"b"', "x", ",", ",,,", '"\\""'],
  ...[
    '"sha256:',
    long('"x",', 2000),
    `"${long("x", 4000)}"`,
    "* , *",
    '*,"x"',
    '"x" W/"y"',
    "\u00ff",
  ],
];

export const accepts: readonly string[] = [
  ...[
    "*/*",
    "",
    ",",
    ";",
    "*",
    "a/b",
    "text/html;q=0",
    "application/json;q=2",
    "application/json;q=",
  ],
  ...[
    "application/vnd.dcos.universe.repo+json;charset=utf-8;version=v3",
    "*/*;q=0.0001",
    "a/b;q=-1",
  ],
  ...[
    "application/vnd.dcos.universe.repo+json;version=v6",
    'application/vnd.dcos.universe.repo+json;version="v',
  ],
  ...[
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
  ],
  ...[
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/*",
    "/",
    "//",
    "a/b/c",
  ],
  ...[
    long("a/b,", 4000),
    long('"', 999),
    long("a/b;q=0.5;x=y,", 500),
    '"a,b";q="\\',
    "\u00e9/\u00e9",
  ],
];

export const contentTypes: readonly string[] = [
  ...[
    "application/json",
    "application/x-tar",
    "application/octet-stream",
    "text/plain",
    "",
    "/",
    ";",
  ],
  ...[
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
  ],
  ...[
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
  ],
  ...[
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "multipart/form-data; boundary=x",
  ],
  ...[
    "application/json; charset=utf-16",
    'application/json;charset="',
    "APPLICATION/JSON",
    long("a", 9000),
  ],
  ...[
    "application/x-www-form-urlencoded",
    "application/vnd.oci.image.manifest.v1+json; x=y",
    "\u00ff/\u00fe",
  ],
];

export const authorizations: readonly string[] = [
  ...[
    "",
    "Basic",
    "Basic ",
    "Basic =",
    "Basic Og==",
    "Basic !!!!",
    "Bearer",
    "Bearer ",
    "Bearer .",
    "token=",
  ],
  ...[
    "Bearer a.b.c",
    "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.",
    "Bearer ....",
    "Negotiate x",
  ],
  ...[
    "Bearer eyJhbGciOiJIUzI1NiJ9.e30.AAAA",
    "Digest username=x",
    "Basic bm9jb2xvbg==",
    "token=..",
    "\u00ff",
  ],
  ...[
    `Bearer ${long("a", 8000)}`,
    `Basic ${long("QQ==", 1000)}`,
    "Basic YTpi",
    "bearer x",
    "Basic YTpiOmM6ZA==",
  ],
];

export const hosts: readonly string[] = [
  ...[
    "",
    "localhost",
    "127.0.0.1:0",
    "127.0.0.1:99999",
    "[::1]",
    "[::1",
    "::1",
    "a b",
    "evil.example",
  ],
  ...[
    "localhost:443@evil.example",
    "localhost, evil.example",
    "../..",
    '"',
    "\u00ff",
    long("a", 300),
  ],
  ...[
    "localhost/",
    "http://localhost",
    "localhost:",
    ":443",
    "127.1",
    "0x7f.1",
    "[::ffff:127.0.0.1]",
  ],
];

/** Names and values that no route asks for. */
export const strangeHeaders: readonly (readonly [string, string])[] = [
  ["X-Forwarded-For", "10.0.0.1"],
  ["X-Forwarded-Host", "evil.example"],
  ["X-Forwarded-Proto", "javascript"],
  ["Forwarded", 'for="[::1]";host=evil'],
  ["Origin", "null"],
  ["X-HTTP-Method-Override", "DELETE"],
  ["X-Original-URL", "/package/remove"],
  ["Content-Encoding", "gzip"],
  ["Content-Encoding", "identity"],
  ["Accept-Encoding", "gzip;q=1, br, *;q=0"],
  ["Accept-Encoding", long("gzip,", 3000)],
  ["TE", "trailers, deflate"],
  ["Trailer", "Content-Length"],
  ["If-Modified-Since", "Thu, 99 Foo 2099 99:99:99 GMT"],
  ["If-Unmodified-Since", "0"],
  ["If-Range", '"x"'],
  ["If-Range", "W/"],
  ["Cookie", long("a=b; ", 2000)],
  ["User-Agent", "cosmos/0 dcos/1.13.99999999999999999999"],
  ["User-Agent", `dcos/${long("1.", 2000)}`],
  ["User-Agent", "docker/17.03"],
  ["Max-Forwards", "-1"],
  ["Via", "1.0 evil"],
  ["Keep-Alive", "timeout=999999, max=-1"],
  ["Connection", "keep-alive, Host, Authorization"],
  ["Expect", "100-continue"],
  ["__proto__", "x"],
  ["constructor", "x"],
  ["Docker-Distribution-Api-Version", "registry/2.0"],
  ["Docker-Content-Digest", "sha256:x"],
  ["Date", "\u00ff\u00fe"],
  ["X-Empty", ""],
  ["X-Long", long("x", 12_000)],
];
