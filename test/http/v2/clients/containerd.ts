/**
 * containerd, and docker 28 with its image store: one kept connection, no ping.
 *
 * Recorded with ctr 1.6; 1.2 ends its Accept with a bare `*`. A push is a HEAD, a POST, and one PUT
 * with the whole blob. A mirror is told by `ns` whom it stands for.
 */
import { mediaType } from "../../../../src/oci/media-type.ts";
import type { Pushable } from "../content.ts";
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
  multiPlatform,
  ociImage,
  smallLayer,
} from "./image.ts";

interface Client {
  readonly agent: string;
  /** What ends each list of types. */
  readonly anything: "*" | "*/*";
}

const containerd12: Client = { agent: "containerd/1.2.13", anything: "*" };
const containerd16: Client = { agent: "containerd/1.6.20~ds1", anything: "*/*" };
const docker28: Client = {
  agent:
    "docker/28.0.1 go/go1.23.6 git-commit/bbd0a17 kernel/6.1.0-31-amd64 os/linux arch/amd64 containerd-client/1.7.25+unknown storage-driver/overlayfs UpstreamClient(Docker-Client/28.0.1 \\(linux\\))",
  anything: "*/*",
};

const parts = [config, smallLayer, layer];

const resolvable = [
  mediaType.dockerManifest,
  mediaType.dockerList,
  mediaType.ociManifest,
  mediaType.ociIndex,
];

function ask(client: Client, request: string, ...headers: readonly string[]): string[] {
  const encoding = request.startsWith("HEAD ") ? [] : ["Accept-Encoding: gzip"];
  return [request, `User-Agent: ${client.agent}`, ...headers, ...encoding];
}

function accept({ anything }: Client, ...types: readonly string[]): string {
  return `Accept: ${[...types, anything].join(", ")}`;
}

/** @param query of a mirror: whom it stands for */
function resolve(client: Client, tag: string, found: Pushable, query = ""): WireStep {
  return {
    lines: ask(client, `HEAD /v2/{name}/manifests/${tag}${query}`, accept(client, ...resolvable)),
    expect: given(found, true),
  };
}

function fetchManifest(client: Client, found: Pushable, query = ""): WireStep {
  return {
    lines: ask(
      client,
      `GET /v2/{name}/manifests/${found.digest}${query}`,
      accept(client, found.type),
    ),
    expect: given(found),
  };
}

function fetchBlobs(client: Client, query = ""): WireStep[] {
  return parts.map(({ digest, mediaType: type }) => ({
    lines: ask(client, `GET /v2/{name}/blobs/${digest}${query}`, accept(client, type)),
    expect: blobGiven(digest),
  }));
}

function pushBlob(client: Client, { digest, mediaType: type }: (typeof parts)[number]): WireStep[] {
  const bytes = contentOf(digest);
  return [
    {
      lines: ask(client, `HEAD /v2/{name}/blobs/${digest}`, accept(client, type)),
      expect: absent,
    },
    {
      lines: ask(client, "POST /v2/{name}/blobs/uploads/", "Content-Length: 0"),
      expect: accepted(0),
      keep: keepLocation,
    },
    {
      lines: ask(
        client,
        `PUT {location}?digest=${encodeURIComponent(digest)}`,
        `Content-Length: ${bytes.byteLength}`,
        "Content-Type: application/octet-stream",
      ),
      body: bytes,
      expect: blobCreated("{name}", digest),
    },
  ];
}

function pushManifest(client: Client, tag: string, pushed: Pushable): WireStep[] {
  const target = `/v2/{name}/manifests/${tag}`;
  return [
    { lines: ask(client, `HEAD ${target}`, accept(client, pushed.type)), expect: absent },
    {
      lines: ask(
        client,
        `PUT ${target}`,
        `Content-Length: ${pushed.bytes.byteLength}`,
        `Content-Type: ${pushed.type}`,
      ),
      body: pushed.bytes,
      expect: manifestCreated("{name}", pushed),
    },
  ];
}

function push(client: Client): WireStep[] {
  return [
    ...parts.flatMap((part) => pushBlob(client, part)),
    ...pushManifest(client, ociImage.digest, ociImage),
    ...pushManifest(client, "pushed", multiPlatform),
  ];
}

function pull(client: Client, query = ""): WireStep[] {
  return [
    resolve(client, "pushed", multiPlatform, query),
    fetchManifest(client, multiPlatform, query),
    fetchManifest(client, ociImage, query),
    ...fetchBlobs(client, query),
  ];
}

/** What was just pushed elsewhere in the registry; a mount is tried with the names it came from. */
function pushAgain(client: Client): WireStep[] {
  return parts.map(({ digest }) => ({
    lines: ask(
      client,
      `POST /v2/{other}/blobs/uploads/?mount=${encodeURIComponent(digest)}&from={name%}`,
      "Content-Length: 0",
    ),
    expect: blobCreated("{other}", digest),
  }));
}

/** containerd 2 and docker 28 can fetch one layer over several connections. */
function fetchInParts(client: Client): WireStep[] {
  const bytes = contentOf(layer.digest);
  const size = 40_000;
  const starts = [0, size, 2 * size];
  return starts.map((start) => {
    const end = Math.min(start + size, bytes.byteLength) - 1;
    return {
      lines: ask(
        client,
        `GET /v2/{name}/blobs/${layer.digest}`,
        accept(client, layer.mediaType),
        `Range: bytes=${start}-${start + size - 1}`,
      ),
      expect: {
        status: 206,
        body: bytes.subarray(start, end + 1),
        headers: {
          "content-range": `bytes ${start}-${end}/${bytes.byteLength}`,
          "content-length": String(end + 1 - start),
        },
      },
    };
  });
}

/** Content whose type says nothing is looked for among the manifests first, then among the blobs. */
function fallsBack(client: Client): WireStep[] {
  return [
    {
      lines: ask(client, `GET /v2/{name}/manifests/${smallLayer.digest}`, accept(client)),
      expect: absent,
    },
    {
      lines: ask(client, `GET /v2/{name}/blobs/${smallLayer.digest}`, accept(client)),
      expect: blobGiven(smallLayer.digest),
    },
  ];
}

function sequenceOf(name: string, client: Client): ClientSequence {
  return {
    title: `${name} pushes an index, pulls it back, and mounts its blobs`,
    steps: [...push(client), ...pull(client), ...pushAgain(client)],
  };
}

export const containerdSequences: readonly ClientSequence[] = [
  sequenceOf("containerd 1.2", containerd12),
  sequenceOf("containerd 1.6", containerd16),
  sequenceOf("docker 28 with the containerd image store", docker28),
  {
    title: "containerd pulls from a mirror, naming the registry that it stands for",
    steps: [...push(containerd16), ...pull(containerd16, "?ns=registry.elsewhere.example")],
  },
  {
    title: "containerd fetches a layer in parts, and content of no known type",
    steps: [...push(docker28), ...fetchInParts(docker28), ...fallsBack(docker28)],
  },
  {
    title: "containerd asks for what is not there, by HEAD and then for the reason by GET",
    steps: (["HEAD", "GET"] as const).map((method) => ({
      lines: ask(
        containerd16,
        `${method} /v2/{name}/manifests/nothing`,
        accept(containerd16, ...resolvable),
      ),
      expect: absent,
    })),
  },
];
