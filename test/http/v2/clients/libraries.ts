/**
 * Tools on other libraries: crane (go-containerregistry), oras, and programs that ask before they send
 * a body (`Expect: 100-continue`). All keep their connection.
 */
import { mediaType } from "../../../../src/oci/media-type.ts";
import { artifact, empty as emptyBlob, emptyBytes, type Pushable } from "../content.ts";
import type { WireStep } from "../wire.ts";
import {
  absent,
  accepted,
  blobCreated,
  blobGiven,
  type ClientSequence,
  config,
  contentOf,
  given,
  keepLocation,
  layer,
  manifestCreated,
  ociImage,
  smallLayer,
} from "./image.ts";

const parts = [smallLayer, layer, config];
const octets = "Content-Type: application/octet-stream";

function asker(agent: string): (request: string, ...headers: readonly string[]) => string[] {
  return (request, ...headers) => [
    request,
    `User-Agent: ${agent}`,
    ...headers,
    ...(request.startsWith("HEAD ") ? [] : ["Accept-Encoding: gzip"]),
  ];
}

const crane = asker("crane/0.20.2 go-containerregistry/0.20.2");
const oras = asker("oras/1.2.0");

const craneAccept = `Accept: ${[
  mediaType.ociIndex,
  mediaType.dockerList,
  mediaType.dockerManifest,
  mediaType.ociManifest,
  mediaType.dockerSchema1,
  mediaType.dockerSchema1Signed,
].join(",")}`;

function craneUpload(digest: string, length: "known" | "unknown"): WireStep[] {
  const bytes = contentOf(digest);
  const body =
    length === "known" ? `Content-Length: ${bytes.byteLength}` : "Transfer-Encoding: chunked";
  return [
    { lines: crane(`HEAD /v2/{name}/blobs/${digest}`), expect: absent },
    {
      lines: crane(
        "POST /v2/{name}/blobs/uploads/",
        "Content-Length: 0",
        "Content-Type: application/json",
      ),
      expect: accepted(0),
      keep: keepLocation,
    },
    {
      lines: crane("PATCH {location}", body, octets),
      body: bytes,
      ...(length === "unknown" && { chunked: 16 * 1024 }),
      expect: accepted(bytes.byteLength),
      keep: keepLocation,
    },
    {
      lines: crane(
        `PUT {location}?digest=${encodeURIComponent(digest)}`,
        "Content-Length: 0",
        octets,
      ),
      expect: blobCreated("{name}", digest),
    },
  ];
}

const cranePut: WireStep = {
  lines: crane(
    "PUT /v2/{name}/manifests/1",
    `Content-Length: ${ociImage.bytes.byteLength}`,
    `Content-Type: ${ociImage.type}`,
  ),
  body: ociImage.bytes,
  expect: manifestCreated("{name}", ociImage),
};

const craneSequence: ClientSequence = {
  title: "crane pushes and pulls, with layers of known and unknown length",
  steps: [
    { lines: crane("GET /v2/"), expect: { status: 200 } },
    { lines: crane("HEAD /v2/{name}/manifests/1", craneAccept), expect: absent },
    ...craneUpload(smallLayer.digest, "known"),
    ...craneUpload(layer.digest, "unknown"),
    ...craneUpload(config.digest, "known"),
    cranePut,
    { lines: crane("HEAD /v2/{name}/manifests/1", craneAccept), expect: given(ociImage, true) },
    { lines: crane("GET /v2/{name}/manifests/1", craneAccept), expect: given(ociImage) },
    ...parts.map(({ digest }) => ({
      lines: crane(`GET /v2/{name}/blobs/${digest}`),
      expect: blobGiven(digest),
    })),
  ],
};

const signature: Pushable = artifact("application/vnd.example.signature", {
  subject: ociImage.descriptor,
});

function orasPush(bytes: Buffer, digest: string): WireStep[] {
  return [
    { lines: oras(`HEAD /v2/{name}/blobs/${digest}`), expect: absent },
    {
      lines: oras("POST /v2/{name}/blobs/uploads/", "Content-Length: 0"),
      expect: accepted(0),
      keep: keepLocation,
    },
    {
      lines: oras(
        `PUT {location}?digest=${encodeURIComponent(digest)}`,
        `Content-Length: ${bytes.byteLength}`,
        octets,
      ),
      body: bytes,
      expect: blobCreated("{name}", digest),
    },
  ];
}

function orasPut(pushed: Pushable, reference: string, subject?: string): WireStep[] {
  const target = `/v2/{name}/manifests/${reference}`;
  const created = manifestCreated("{name}", pushed);
  return [
    { lines: oras(`HEAD ${target}`, `Accept: ${pushed.type}`), expect: absent },
    {
      lines: oras(
        `PUT ${target}`,
        `Content-Length: ${pushed.bytes.byteLength}`,
        `Content-Type: ${pushed.type}`,
      ),
      body: pushed.bytes,
      expect: { ...created, headers: { ...created.headers, "oci-subject": subject ?? null } },
    },
  ];
}

function referrers(query: string, applied: string | null, manifests: readonly unknown[]): WireStep {
  return {
    lines: oras(
      `GET /v2/{name}/referrers/${ociImage.digest}${query}`,
      `Accept: ${mediaType.ociIndex}`,
    ),
    expect: {
      status: 200,
      headers: { "content-type": mediaType.ociIndex, "oci-filters-applied": applied },
      json: { schemaVersion: 2, mediaType: mediaType.ociIndex, manifests },
    },
  };
}

const listed = { ...signature.descriptor, artifactType: "application/vnd.example.signature" };
const ofType = (type: string): string => `?artifactType=${encodeURIComponent(type)}`;

const orasSequence: ClientSequence = {
  title: "oras pushes an image, attaches a signature and discovers it",
  steps: [
    ...parts.flatMap(({ digest }) => orasPush(contentOf(digest), digest)),
    ...orasPut(ociImage, "1"),
    // Nothing refers to it yet; 404 would mean that there is no such API.
    referrers("", null, []),
    ...orasPush(emptyBytes, emptyBlob.digest),
    ...orasPut(signature, signature.digest, ociImage.digest),
    referrers("", null, [listed]),
    referrers(ofType("application/vnd.example.signature"), "artifactType", [listed]),
    referrers(ofType("application/vnd.example.other"), "artifactType", []),
  ],
};

/** curl does this with bodies of more than a mebibyte, .NET with all. */
function asking(title: string, expect: WireStep["expect"], target: string): ClientSequence {
  const bytes = contentOf(layer.digest);
  const curl = asker("curl/7.88.1");
  return {
    title,
    steps: [
      {
        lines: curl("POST /v2/{name}/blobs/uploads/", "Content-Length: 0"),
        expect: accepted(0),
        keep: keepLocation,
      },
      {
        lines: curl(target, `Content-Length: ${bytes.byteLength}`, octets, "Expect: 100-continue"),
        body: bytes,
        expect,
      },
    ],
  };
}

export const librarySequences: readonly ClientSequence[] = [
  craneSequence,
  orasSequence,
  asking(
    "a client that asks before it sends its body is told to go on",
    blobCreated("{name}", layer.digest),
    `PUT {location}?digest=${encodeURIComponent(layer.digest)}`,
  ),
  asking(
    "a client that asks before it sends a refused body is told so",
    { status: 400, error: "DIGEST_INVALID" },
    "PUT {location}?digest=sha256:abc",
  ),
];
