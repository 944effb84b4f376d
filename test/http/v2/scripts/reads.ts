/** Blobs as they are read: HEAD, ranges, conditions (rule table 1.3). */
import { bytesOf, digestOf, pushBlob } from "../content.ts";
import type { Expectation, Script } from "../script.ts";

const size = 10_000;
const bytes = Buffer.from(Array.from({ length: size }, (_, at) => at % 251));
const digest = digestOf(bytes);
const path = `/v2/{name}/blobs/${digest}`;

function partial(start: number, end: number): Expectation {
  return {
    status: 206,
    body: bytes.subarray(start, end + 1),
    headers: {
      "content-range": `bytes ${start}-${end}/${size}`,
      "content-length": String(end - start + 1),
      "content-type": "application/octet-stream",
      "docker-content-digest": digest,
      "accept-ranges": "bytes",
      etag: `"${digest}"`,
    },
  };
}

function range(header: string, why: string, expect: Expectation): Script {
  return {
    title: `answers the range ${header}: ${why}`,
    steps: [...pushBlob(bytes), { ask: `GET ${path}`, headers: { Range: header }, expect }],
  };
}

const unsatisfiable: Expectation = {
  status: 416,
  error: "RANGE_INVALID",
  headers: { "content-range": `bytes */${size}` },
};

const whole: Expectation = { status: 200, body: bytes };

function conditional(title: string, headers: Record<string, string>, expect: Expectation): Script {
  return { title, steps: [...pushBlob(bytes), { ask: `GET ${path}`, headers, expect }] };
}

const notModified: Expectation = {
  status: 304,
  body: Buffer.alloc(0),
  headers: { etag: `"${digest}"`, "docker-content-digest": digest },
};

export const reads: readonly Script[] = [
  {
    title:
      "names digest, length and type of a blob in GET and HEAD, and lets it be cached for good",
    steps: [
      ...pushBlob(bytes),
      {
        ask: `GET ${path}`,
        expect: {
          ...whole,
          headers: {
            "content-length": String(size),
            "content-type": "application/octet-stream",
            "docker-content-digest": digest,
            etag: `"${digest}"`,
            "cache-control": /immutable/,
          },
        },
      },
    ],
  },
  {
    title: "never compresses a blob, whatever the client can read",
    steps: [
      ...pushBlob(bytes),
      {
        ask: `GET ${path}`,
        headers: { "Accept-Encoding": "zstd, gzip, deflate" },
        expect: { ...whole, headers: { "content-encoding": null } },
      },
    ],
  },
  {
    title: "answers 404 for a blob that is not here, 400 for what is no digest",
    steps: [
      {
        ask: `GET /v2/{name}/blobs/${digestOf("nobody pushed this")}`,
        expect: { status: 404, error: "BLOB_UNKNOWN" },
      },
      {
        ask: `GET /v2/{name}/blobs/${digestOf("nobody pushed this", "sha512")}`,
        expect: { status: 404, error: "BLOB_UNKNOWN" },
      },
      ...["sha256:abc", "latest", `sha256:${"F".repeat(64)}`, `sha1:${"0".repeat(40)}`].map(
        (bad) => ({
          ask: `GET /v2/{name}/blobs/${bad}`,
          expect: { status: 400, error: "DIGEST_INVALID" },
        }),
      ),
    ],
  },
  range("bytes=500-1499", "from the middle", partial(500, 1499)),
  range("bytes=0-0", "one byte", partial(0, 0)),
  range("bytes=500-", "to the end", partial(500, 9999)),
  range("bytes=-500", "the last bytes", partial(9500, 9999)),
  range("bytes=-20000", "more last bytes than there are", partial(0, 9999)),
  range("bytes=9000-12000", "clamped at the end", partial(9000, 9999)),
  range("bytes=500-0", "its end before its start", unsatisfiable),
  range("bytes=10000-", "beyond the end", unsatisfiable),
  range("bytes=20000-30000", "far beyond the end", unsatisfiable),
  range("bytes=-0", "the last no bytes", unsatisfiable),
  range("bytes=x-y", "no numbers", unsatisfiable),
  range("lines=1-2", "another unit, so everything", whole),
  range("bytes=0-9999,0-9999", "more than everything, so everything", whole),
  {
    title: "sends two ranges as multipart/byteranges with an exact length",
    steps: [
      ...pushBlob(bytes),
      {
        ask: `GET ${path}`,
        headers: { Range: "bytes=0-9,100-199" },
        expect: {
          status: 206,
          headers: {
            "content-type": /^multipart\/byteranges; boundary=\S+$/,
            "content-range": null,
          },
        },
      },
    ],
  },
  {
    title: "has nothing to give for any range of an empty blob",
    steps: [
      ...pushBlob(bytesOf("")),
      {
        ask: `GET /v2/{name}/blobs/${digestOf("")}`,
        headers: { Range: "bytes=0-0" },
        expect: { status: 416, headers: { "content-range": "bytes */0" } },
      },
      { ask: `GET /v2/{name}/blobs/${digestOf("")}`, expect: { status: 200, body: bytesOf("") } },
    ],
  },
  conditional("answers 304 to who has the blob", { "If-None-Match": `"${digest}"` }, notModified),
  conditional(
    "answers 304 to who has the blob by a weak tag",
    { "If-None-Match": `W/"${digest}"` },
    notModified,
  ),
  conditional("sends the blob to who has another", { "If-None-Match": '"sha256:other"' }, whole),
  conditional("sends the blob to who asks for exactly it", { "If-Match": `"${digest}"` }, whole),
  conditional(
    "answers 412 to who asks for another",
    { "If-Match": '"sha256:other"' },
    { status: 412 },
  ),
  conditional(
    "goes on where a broken pull ended, if the blob is the same",
    { Range: "bytes=500-", "If-Range": `"${digest}"` },
    partial(500, 9999),
  ),
  conditional(
    "starts again where the blob is another than the client's part",
    { Range: "bytes=500-", "If-Range": '"other"' },
    whole,
  ),
];
