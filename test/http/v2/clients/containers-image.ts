/**
 * skopeo, podman, buildah and CRI-O: the containers/image library, recorded with skopeo 1.9.
 *
 * Connections are not kept. A HEAD is asked twice, a layer is one PATCH with its length, a mount that
 * is not granted is cancelled, and layers of zstd:chunked are asked for in several ranges at once.
 */
import { mediaType } from "../../../../src/oci/media-type.ts";
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

const accepts = [
  mediaType.ociManifest,
  mediaType.dockerManifest,
  mediaType.dockerSchema1Signed,
  mediaType.dockerSchema1,
  mediaType.dockerList,
  mediaType.ociIndex,
].map((type) => `Accept: ${type}`);

const octets = "Content-Type: application/octet-stream";

function ask(agent: string, request: string, ...headers: readonly string[]): string[] {
  const version = "Docker-Distribution-Api-Version: registry/2.0";
  const encoding = request.startsWith("HEAD ") ? [] : ["Accept-Encoding: gzip"];
  const own = [`User-Agent: ${agent}`, ...headers, version];
  return [request, ...own, ...encoding, "Connection: close"];
}

function ping(agent: string): WireStep {
  return {
    lines: ask(agent, "GET /v2/"),
    expect: { status: 200, headers: { "docker-distribution-api-version": "registry/2.0" } },
  };
}

function missing(agent: string, digest: string): WireStep {
  return { lines: ask(agent, `HEAD /v2/{name}/blobs/${digest}`), expect: absent };
}

function upload(agent: string, digest: string): WireStep[] {
  const bytes = contentOf(digest);
  return [
    missing(agent, digest),
    missing(agent, digest),
    {
      lines: ask(agent, "POST /v2/{name}/blobs/uploads/", "Content-Length: 0"),
      expect: accepted(0),
      keep: keepLocation,
    },
    {
      lines: ask(agent, "PATCH {location}", `Content-Length: ${bytes.byteLength}`, octets),
      body: bytes,
      expect: accepted(bytes.byteLength),
      keep: keepLocation,
    },
    {
      lines: ask(
        agent,
        `PUT {location}?digest=${encodeURIComponent(digest)}`,
        "Content-Length: 0",
        octets,
      ),
      expect: blobCreated("{name}", digest),
    },
  ];
}

/** A layer that is compressed on the way has no known length. */
function streamed(agent: string, digest: string): WireStep[] {
  return upload(agent, digest).map((step) =>
    step.lines[0]?.startsWith("PATCH ")
      ? {
          ...step,
          lines: ask(agent, "PATCH {location}", "Transfer-Encoding: chunked", octets),
          chunked: 32 * 1024,
        }
      : step,
  );
}

function putManifest(agent: string, name: string): WireStep {
  return {
    lines: ask(
      agent,
      `PUT /v2/${name}/manifests/1`,
      `Content-Length: ${ociImage.bytes.byteLength}`,
      `Content-Type: ${ociImage.type}`,
    ),
    body: ociImage.bytes,
    expect: manifestCreated(name, ociImage),
  };
}

function push(agent: string): WireStep[] {
  return [
    ping(agent),
    ...upload(agent, smallLayer.digest),
    ...streamed(agent, layer.digest),
    ...upload(agent, config.digest),
    putManifest(agent, "{name}"),
  ];
}

function manifest(agent: string): WireStep {
  return {
    lines: ask(agent, "GET /v2/{name}/manifests/1", ...accepts),
    expect: given(ociImage),
  };
}

function pull(agent: string): WireStep[] {
  const blobs = [smallLayer, layer, config].map(({ digest }) => ({
    lines: ask(agent, `GET /v2/{name}/blobs/${digest}`),
    expect: blobGiven(digest),
  }));
  return [ping(agent), manifest(agent), ...blobs];
}

/** Layers known from another repository, by the digests of their uncompressed content. */
function pushElsewhere(agent: string): WireStep[] {
  const mounted = [smallLayer, layer].flatMap(({ digest }): WireStep[] => [
    { lines: ask(agent, `HEAD /v2/{name}/blobs/${digest}`), expect: blobGiven(digest, true) },
    {
      lines: ask(
        agent,
        `POST /v2/{other}/blobs/uploads/?from={name%}&mount=${encodeURIComponent(digest)}`,
        "Content-Length: 0",
      ),
      expect: blobCreated("{other}", digest),
    },
  ]);
  return [ping(agent), ...mounted, putManifest(agent, "{other}")];
}

const neverPushed = "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

function mountRefused(agent: string): WireStep[] {
  return [
    {
      lines: ask(
        agent,
        `POST /v2/{name}/blobs/uploads/?from={other%}&mount=${encodeURIComponent(neverPushed)}`,
        "Content-Length: 0",
      ),
      expect: accepted(0),
      keep: keepLocation,
    },
    {
      lines: ask(agent, "DELETE {location}"),
      expect: { status: 204, headers: { "content-length": null } },
    },
  ];
}

/** zstd:chunked: the pieces that are missing locally, in one answer of several parts. */
function rangesAtOnce(agent: string): WireStep {
  return {
    lines: ask(
      agent,
      `GET /v2/{name}/blobs/${layer.digest}`,
      "Range: bytes=0-99,5000-5099,99990-99999",
    ),
    expect: {
      status: 206,
      headers: { "content-type": /^multipart\/byteranges; boundary=/, "content-encoding": null },
    },
  };
}

function resumed(agent: string): WireStep {
  const bytes = contentOf(layer.digest);
  return {
    lines: ask(agent, `GET /v2/{name}/blobs/${layer.digest}`, "Range: bytes=4321-"),
    expect: {
      status: 206,
      body: bytes.subarray(4321),
      headers: { "content-range": `bytes 4321-${bytes.byteLength - 1}/${bytes.byteLength}` },
    },
  };
}

/** `skopeo delete` looks the digest up and deletes that, with all its tags. */
function remove(agent: string): WireStep[] {
  return [
    ping(agent),
    manifest(agent),
    {
      lines: ask(agent, `DELETE /v2/{name}/manifests/${ociImage.digest}`),
      expect: { status: 202, headers: { "content-length": "0" } },
    },
    { ...manifest(agent), expect: { ...absent, error: "MANIFEST_UNKNOWN" } },
  ];
}

function inspect(agent: string): WireStep[] {
  return [
    ping(agent),
    manifest(agent),
    {
      lines: ask(agent, `GET /v2/{name}/blobs/${config.digest}`),
      expect: blobGiven(config.digest),
    },
    ping(agent),
    {
      lines: ask(agent, "GET /v2/{name}/tags/list"),
      expect: { status: 200, json: { name: "{name}", tags: ["1"] } },
    },
  ];
}

const skopeo = "skopeo/1.9.3";
const podman = "libpod/4.3.1";
const buildah = "Buildah/1.28.2";

export const containersImageSequences: readonly ClientSequence[] = [
  {
    title: "skopeo copies there and back, inspects and deletes",
    steps: [...push(skopeo), ...pull(skopeo), ...inspect(skopeo), ...remove(skopeo)],
  },
  {
    title: "podman pushes, resumes a pull, and fetches several ranges at once",
    steps: [...push(podman), ...pull(podman), resumed(podman), rangesAtOnce(podman)],
  },
  {
    title: "buildah mounts what it knows from another repository, and cancels what is not granted",
    steps: [...push(buildah), ...pushElsewhere(buildah), ...mountRefused(buildah)],
  },
];
