/** Pushing blobs, each way with sha256 and with sha512 (rule table 1.2). */
import { type Algorithm, bytesOf, digestOf, pushBlob } from "../content.ts";
import type { Script, Step } from "../script.ts";

const uuid = /^[A-Za-z0-9._-]+$/;
const first = bytesOf("first half, ", 4000);
const second = bytesOf("second half", 3000);
const whole = Buffer.concat([first, second]);

function start(query: Step["query"] = {}): Step {
  return {
    ask: "POST /v2/{name}/blobs/uploads/",
    query,
    expect: {
      status: 202,
      headers: { location: /./, range: "0-0", "docker-upload-uuid": uuid },
    },
  };
}

function patch(body: Buffer, range: string | undefined, end: number): Step {
  return {
    ask: "PATCH {location}",
    headers: {
      "Content-Type": "application/octet-stream",
      ...(range !== undefined && { "Content-Range": range }),
    },
    body,
    expect: {
      status: 202,
      headers: { location: /./, range: `0-${end}`, "docker-upload-uuid": uuid },
    },
  };
}

function stream(body: Buffer, end: number): Step {
  return { ...patch(body, undefined, end), streamed: true };
}

function close(digest: string, more: Partial<Step> = {}): Step {
  return {
    ask: "PUT {location}",
    query: { digest },
    expect: {
      status: 201,
      headers: { location: `/v2/{name}/blobs/${digest}`, "docker-content-digest": digest },
    },
    ...more,
  };
}

/** Pulls from the Location that the push gave. */
function pulls(bytes: Buffer, digest: string): Step {
  return {
    ask: "GET {location}",
    expect: {
      status: 200,
      body: bytes,
      headers: {
        "content-type": "application/octet-stream",
        "docker-content-digest": digest,
        "accept-ranges": "bytes",
        etag: `"${digest}"`,
      },
    },
  };
}

function refused(step: Step, status: number, error: string, headers = {}): Step {
  return { ...step, expect: { status, error, headers } };
}

function status(end: number): Step {
  return {
    ask: "GET {location}",
    expect: {
      status: 204,
      headers: { location: /./, range: `0-${end}`, "docker-upload-uuid": uuid },
    },
  };
}

const unknownUpload = { status: 404, error: "BLOB_UPLOAD_UNKNOWN" };

function pushing(algorithm: Algorithm): Script[] {
  const digest = digestOf(whole, algorithm);
  const wrong = digestOf("something else", algorithm);
  return [
    {
      title: `takes a blob in one PUT after the POST (${algorithm})`,
      steps: [start(), close(digest, { body: whole }), pulls(whole, digest)],
    },
    {
      title: `takes a blob in the POST itself (${algorithm})`,
      steps: [
        {
          ask: "POST /v2/{name}/blobs/uploads/",
          query: { digest },
          body: whole,
          expect: { status: 201, headers: { location: `/v2/{name}/blobs/${digest}` } },
        },
        pulls(whole, digest),
      ],
    },
    {
      title: `takes a blob streamed without a length, then closed (${algorithm})`,
      steps: [start(), stream(whole, 6999), close(digest), pulls(whole, digest)],
    },
    {
      title: `takes a blob in chunks (${algorithm})`,
      steps: [
        start(),
        patch(first, "0-3999", 3999),
        status(3999),
        patch(second, "4000-6999", 6999),
        close(digest),
        pulls(whole, digest),
      ],
    },
    {
      title: `takes the last chunk with the closing PUT (${algorithm})`,
      steps: [
        start(),
        patch(first, "0-3999", 3999),
        close(digest, { body: second, headers: { "Content-Range": "4000-6999" } }),
        pulls(whole, digest),
      ],
    },
    {
      title: `hashes with ${algorithm} from the start when told so in the POST`,
      steps: [
        start({ "digest-algorithm": algorithm }),
        patch(first, undefined, 3999),
        patch(second, undefined, 6999),
        close(digest),
        pulls(whole, digest),
      ],
    },
    {
      title: `refuses content with another digest, in every form of push (${algorithm})`,
      steps: [
        refused({ ...start({ digest: wrong }), body: whole }, 400, "DIGEST_INVALID"),
        start(),
        refused(close(wrong, { body: whole }), 400, "DIGEST_INVALID"),
        start(),
        stream(whole, 6999),
        refused(close(wrong), 400, "DIGEST_INVALID"),
        start(),
        patch(first, "0-3999", 3999),
        refused(close(wrong, { body: second }), 400, "DIGEST_INVALID"),
        { ask: `GET /v2/{name}/blobs/${wrong}`, expect: { status: 404, error: "BLOB_UNKNOWN" } },
      ],
    },
    {
      title: `takes an empty blob in every form of push (${algorithm})`,
      steps: [
        start(),
        close(digestOf("", algorithm), { body: Buffer.alloc(0) }),
        pulls(Buffer.alloc(0), digestOf("", algorithm)),
        start(),
        close(digestOf("", algorithm)),
        start({ digest: digestOf("", algorithm) }),
      ].map((step, position) => (position === 5 ? createdEmpty(step, algorithm) : step)),
    },
    {
      title: `takes the two bytes {} like any other blob (${algorithm})`,
      steps: [
        ...pushBlob(Buffer.from("{}"), { algorithm }),
        pulls(Buffer.from("{}"), digestOf("{}", algorithm)),
      ],
    },
  ];
}

function createdEmpty(step: Step, algorithm: Algorithm): Step {
  const location = `/v2/{name}/blobs/${digestOf("", algorithm)}`;
  return { ...step, body: Buffer.alloc(0), expect: { status: 201, headers: { location } } };
}

const digest = digestOf(whole);

const sessions: readonly Script[] = [
  {
    title: "tells of a session without bytes that it stands at 0-0",
    steps: [start(), status(0)],
  },
  {
    title: "says how large chunks should be",
    steps: [
      {
        ask: "POST /v2/{name}/blobs/uploads/",
        expect: { status: 202, headers: { "oci-chunk-min-length": /^[1-9][0-9]*$/ } },
      },
    ],
  },
  {
    title: "refuses a chunk out of order with 416 and where it stands, and goes on",
    steps: [
      start(),
      patch(first, "0-3999", 3999),
      refused(patch(second, "5000-7999", 0), 416, "BLOB_UPLOAD_INVALID", {
        range: "0-3999",
        location: /./,
        "docker-upload-uuid": uuid,
      }),
      refused(patch(first, "0-3999", 0), 416, "BLOB_UPLOAD_INVALID", { range: "0-3999" }),
      status(3999),
      patch(second, "4000-6999", 6999),
      close(digest),
    ],
  },
  {
    title: "refuses a first chunk that does not start at 0",
    steps: [
      start(),
      refused(patch(second, "4000-6999", 0), 416, "BLOB_UPLOAD_INVALID", { range: "0-0" }),
      patch(first, "0-3999", 3999),
    ],
  },
  {
    title: "refuses a closing PUT out of order with 416, and the session goes on",
    steps: [
      start(),
      patch(first, "0-3999", 3999),
      refused(
        close(digest, { body: second, headers: { "Content-Range": "5000-7999" } }),
        416,
        "BLOB_UPLOAD_INVALID",
        { range: "0-3999" },
      ),
      status(3999),
      close(digest, { body: second, headers: { "Content-Range": "4000-6999" } }),
    ],
  },
  {
    title: "refuses a closing PUT that starts late in an empty session",
    steps: [
      start(),
      refused(
        close(digest, { body: second, headers: { "Content-Range": "4000-6999" } }),
        416,
        "BLOB_UPLOAD_INVALID",
        { range: "0-0" },
      ),
      close(digest, { body: whole, headers: { "Content-Range": "0-6999" } }),
    ],
  },
  {
    title: "keeps the session when the closing PUT has a wrong digest",
    steps: [
      start(),
      patch(first, "0-3999", 3999),
      refused(close(digestOf("wrong"), { body: second }), 400, "DIGEST_INVALID"),
      status(3999),
      close(digest, { body: second }),
    ],
  },
  ...[
    ["bytes 0-3999", "a unit"],
    ["bytes=0-3999", "a unit and an equals sign"],
    ["0-3999/7000", "a total"],
    ["0-", "no end"],
    ["-3999", "no start"],
    ["3999-0", "its end before its start"],
    ["0-99999", "another length than the body"],
    ["nonsense", "no numbers"],
  ].map(
    ([range = "", why = ""]): Script => ({
      title: `refuses a Content-Range with ${why}, and the session goes on`,
      steps: [
        start(),
        refused(patch(first, range, 0), 400, "BLOB_UPLOAD_INVALID"),
        patch(first, "0-3999", 3999),
      ],
    }),
  ),
  {
    title: "refuses a streamed chunk with fewer or more bytes than its Content-Range says",
    steps: [
      start(),
      refused({ ...patch(first, "0-4999", 0), streamed: true }, 400, "SIZE_INVALID"),
      refused({ ...patch(first, "0-2999", 0), streamed: true }, 400, "SIZE_INVALID"),
      status(0),
      { ...patch(first, "0-3999", 3999), streamed: true },
      close(digest, { body: second }),
    ],
  },
  {
    title: "takes a chunk without bytes for what it is",
    steps: [
      start(),
      patch(Buffer.alloc(0), undefined, 0),
      patch(whole, undefined, 6999),
      patch(Buffer.alloc(0), undefined, 6999),
      close(digest),
    ],
  },
  {
    title: "refuses a closing PUT without, or with a malformed or unsupported digest",
    steps: [
      start(),
      refused(
        { ask: "PUT {location}", body: whole, expect: { status: 400 } },
        400,
        "DIGEST_INVALID",
      ),
      ...["", "sha256", "sha256:abc", `sha256:${"A".repeat(64)}`, `sha256:${"g".repeat(64)}`].map(
        (bad) => refused(close(bad, { body: whole }), 400, "DIGEST_INVALID"),
      ),
      refused(close(`md5:${"0".repeat(32)}`, { body: whole }), 400, "DIGEST_INVALID"),
      refused(close(`sha384:${"0".repeat(96)}`, { body: whole }), 400, "DIGEST_INVALID"),
      close(digest, { body: whole }),
    ],
  },
  {
    title: "refuses an algorithm that it cannot hash with",
    steps: [
      refused(start({ "digest-algorithm": "md5" }), 400, "DIGEST_INVALID"),
      refused(start({ digest: `md5:${"0".repeat(32)}` }), 400, "DIGEST_INVALID"),
    ],
  },
  {
    title: "forgets a session that was cancelled, with and without bytes",
    steps: [
      start(),
      patch(first, undefined, 3999),
      { ask: "DELETE {location}", expect: { status: 204 } },
      { ask: "GET {location}", expect: unknownUpload },
      refused(patch(second, undefined, 0), 404, "BLOB_UPLOAD_UNKNOWN"),
      refused(close(digest, { body: second }), 404, "BLOB_UPLOAD_UNKNOWN"),
      { ask: "DELETE {location}", expect: unknownUpload },
      start(),
      { ask: "DELETE {location}", expect: { status: 204 } },
      { ask: "GET {location}", expect: unknownUpload },
    ],
  },
  {
    title: "forgets a session of chunks that was finished",
    steps: [
      start(),
      patch(whole, undefined, 6999),
      close(digest),
      { ask: "GET {session}", expect: unknownUpload },
      { ...refused(close(digest), 404, "BLOB_UPLOAD_UNKNOWN"), ask: "PUT {session}" },
      { ask: `GET /v2/{name}/blobs/${digest}`, expect: { status: 200 } },
    ],
  },
  {
    title: "knows no session any more that one PUT has closed",
    steps: [
      start(),
      close(digest, { body: whole }),
      { ask: "GET {session}", expect: unknownUpload },
      { ask: "PATCH {session}", body: first, expect: unknownUpload },
      { ask: "DELETE {session}", expect: unknownUpload },
      pulls(whole, digest),
    ],
  },
  {
    title: "knows no session that it never started",
    steps: [
      "00000000-0000-0000-0000-000000000000",
      "0",
      `00000000-${"0".repeat(32)}-sha256-0-${"0".repeat(32)}`,
    ].flatMap((id) => [
      { ask: `GET /v2/{name}/blobs/uploads/${id}`, expect: unknownUpload },
      { ask: `DELETE /v2/{name}/blobs/uploads/${id}`, expect: unknownUpload },
      { ask: `PATCH /v2/{name}/blobs/uploads/${id}`, body: first, expect: unknownUpload },
      {
        ask: `PUT /v2/{name}/blobs/uploads/${id}`,
        query: { digest },
        body: whole,
        expect: unknownUpload,
      },
    ]),
  },
];

const missing = digestOf("a blob that nobody has");

const mounts: readonly Script[] = [
  {
    title: "mounts a blob of another repository",
    steps: [
      ...pushBlob(bytesOf("to be mounted"), { name: "{other}" }),
      {
        ask: "POST /v2/{name}/blobs/uploads/",
        query: { mount: digestOf("to be mounted"), from: "{other}" },
        expect: { status: 201 },
      },
    ],
  },
  {
    title: "mounts a blob that is here without being told where from",
    steps: [
      ...pushBlob(bytesOf("mounted from anywhere"), { name: "{other}" }),
      {
        ask: "POST /v2/{name}/blobs/uploads/",
        query: { mount: digestOf("mounted from anywhere") },
        expect: {
          status: 201,
          headers: { location: `/v2/{name}/blobs/${digestOf("mounted from anywhere")}` },
        },
      },
      { ask: "GET {location}", expect: { status: 200, body: bytesOf("mounted from anywhere") } },
    ],
  },
  {
    title: "starts an upload where a mount is not possible, whatever the reason",
    steps: [
      { ...start({ mount: missing, from: "{other}" }) },
      { ...start({ mount: missing }) },
      { ...start({ mount: missing, from: "Not/A/Name" }) },
      { ...start({ mount: "sha256:nonsense", from: "{other}" }) },
      { ...start({ mount: "", from: "" }) },
      { ...start({ from: "{other}" }) },
      close(digest, { body: whole }),
    ],
  },
];

export const uploads: readonly Script[] = [
  ...pushing("sha256"),
  ...pushing("sha512"),
  ...sessions,
  ...mounts,
];
