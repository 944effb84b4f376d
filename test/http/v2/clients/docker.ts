/**
 * dockerd's own pull and push, from 17 to 28 without the containerd image store.
 *
 * Every request has a connection of its own. 20.10 was recorded; 17 and 19.03 follow its client
 * library of their time: no HEAD before the GET of a tag, and before 18.09 no OCI types. The order of
 * the Accept lines is another one each time: they come out of a hash table.
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
  dockerImage,
  dockerList,
  given,
  keepLocation,
  layer,
  manifestCreated,
  ociImage,
  smallLayer,
} from "./image.ts";

interface Engine {
  readonly agent: string;
  /** One header line each. */
  readonly accepts: readonly string[];
  /** Whether a tag is looked up before it is fetched, by its digest then. */
  readonly looksUp: boolean;
}

const schema1 = [mediaType.dockerSchema1Signed, "application/json"];
const schema2 = [mediaType.dockerManifest, mediaType.dockerList];
const oci = [mediaType.ociManifest, mediaType.ociIndex];

function agent(version: string, go: string, commit: string, kernel: string): string {
  return `User-Agent: docker/${version} go/${go} git-commit/${commit} kernel/${kernel} os/linux arch/amd64 UpstreamClient(Docker-Client/${version} \\(linux\\))`;
}

const docker17: Engine = {
  agent: agent("17.06.2-ce", "go1.8.3", "cec0b72", "3.10.0-693.el7.x86_64"),
  accepts: [...schema2, ...schema1],
  looksUp: false,
};

const docker19: Engine = {
  agent: agent("19.03.15", "go1.13.15", "99e3ed8919", "3.10.0-1160.el7.x86_64"),
  accepts: [...oci, ...schema1, ...schema2],
  looksUp: false,
};

const docker20: Engine = {
  agent: agent("20.10.24", "go1.19.8", "5d6db84", "5.10.0-30-amd64"),
  accepts: [...schema1, ...oci, ...schema2],
  looksUp: true,
};

const docker28: Engine = {
  agent: agent("28.0.1", "go1.23.6", "bbd0a17", "6.1.0-31-amd64"),
  accepts: [...schema2, ...oci, ...schema1],
  looksUp: true,
};

function ask(engine: Engine, request: string, ...headers: readonly string[]): string[] {
  const encoding = request.startsWith("HEAD ") ? [] : ["Accept-Encoding: gzip"];
  return [request, engine.agent, ...headers, ...encoding, "Connection: close"];
}

function ping(engine: Engine): WireStep {
  return {
    lines: ask(engine, "GET /v2/"),
    expect: {
      status: 200,
      headers: { "docker-distribution-api-version": "registry/2.0", "content-length": "2" },
    },
  };
}

function manifest(engine: Engine, reference: string, found: Pushable, method = "GET"): WireStep {
  const accepts = engine.accepts.map((type) => `Accept: ${type}`);
  return {
    lines: ask(engine, `${method} /v2/{name}/manifests/${reference}`, ...accepts),
    expect: given(found, method === "HEAD"),
  };
}

function blob(engine: Engine, digest: string): WireStep {
  return { lines: ask(engine, `GET /v2/{name}/blobs/${digest}`), expect: blobGiven(digest) };
}

/** @param found what this engine is given for the tag; of a list, `image` is fetched then */
function pull(engine: Engine, tag: string, found: Pushable, image: Pushable = found): WireStep[] {
  const byTag = engine.looksUp
    ? [manifest(engine, tag, found, "HEAD"), manifest(engine, found.digest, found)]
    : [manifest(engine, tag, found)];
  const child = image === found ? [] : [manifest(engine, image.digest, image)];
  const digests = [config, smallLayer, layer].map(({ digest }) => digest);
  return [ping(engine), ...byTag, ...child, ...digests.map((digest) => blob(engine, digest))];
}

/** A connection broke; the engine goes on where it stood, or starts again if that does not work. */
function resume(engine: Engine): WireStep {
  const bytes = contentOf(layer.digest);
  return {
    lines: ask(engine, `GET /v2/{name}/blobs/${layer.digest}`, "Range: bytes=65536-"),
    expect: {
      status: 206,
      body: bytes.subarray(65_536),
      headers: {
        "content-range": `bytes 65536-${bytes.byteLength - 1}/${bytes.byteLength}`,
        "content-length": String(bytes.byteLength - 65_536),
      },
    },
  };
}

/** One PATCH without length, type or range; its answer must say how far it came. */
function upload(engine: Engine, digest: string): WireStep[] {
  const bytes = contentOf(digest);
  return [
    {
      lines: ask(engine, "POST /v2/{name}/blobs/uploads/", "Content-Length: 0"),
      expect: accepted(0),
      keep: keepLocation,
    },
    {
      lines: ask(engine, "PATCH {location}", "Transfer-Encoding: chunked"),
      body: bytes,
      chunked: 32 * 1024,
      expect: accepted(bytes.byteLength),
      keep: keepLocation,
    },
    {
      lines: ask(
        engine,
        `PUT {location}?digest=${encodeURIComponent(digest)}`,
        "Content-Length: 0",
      ),
      expect: blobCreated("{name}", digest),
    },
    present(engine, digest),
  ];
}

function present(engine: Engine, digest: string, name = "{name}"): WireStep {
  return {
    lines: ask(engine, `HEAD /v2/${name}/blobs/${digest}`),
    expect: blobGiven(digest, true),
  };
}

function missing(engine: Engine, digest: string): WireStep {
  return { lines: ask(engine, `HEAD /v2/{name}/blobs/${digest}`), expect: absent };
}

function putManifest(engine: Engine, tag: string, pushed: Pushable, name = "{name}"): WireStep {
  return {
    lines: ask(
      engine,
      `PUT /v2/${name}/manifests/${tag}`,
      `Content-Length: ${pushed.bytes.byteLength}`,
      `Content-Type: ${pushed.type}`,
    ),
    body: pushed.bytes,
    expect: manifestCreated(name, pushed),
  };
}

function push(engine: Engine): WireStep[] {
  return [
    ping(engine),
    ...upload(engine, smallLayer.digest),
    missing(engine, layer.digest),
    ...upload(engine, layer.digest),
    missing(engine, config.digest),
    ...upload(engine, config.digest),
    putManifest(engine, "pushed", dockerImage),
  ];
}

/** Layers that the engine knows from a repository of the same registry. */
function mountInto(engine: Engine): WireStep[] {
  const mounts = [smallLayer, layer].map(({ digest }): WireStep => {
    const from = `from={name%}&mount=${encodeURIComponent(digest)}`;
    return {
      lines: ask(engine, `POST /v2/{other}/blobs/uploads/?${from}`, "Content-Length: 0"),
      expect: blobCreated("{other}", digest),
    };
  });
  return [
    ping(engine),
    ...mounts,
    present(engine, config.digest, "{other}"),
    putManifest(engine, "mounted", dockerImage, "{other}"),
  ];
}

function sequencesOf(name: string, engine: Engine): ClientSequence[] {
  return [
    {
      title: `${name} pushes, mounts into another repository, pulls back and resumes`,
      steps: [
        ...push(engine),
        ...mountInto(engine),
        ...pull(engine, "pushed", dockerImage),
        resume(engine),
      ],
    },
    {
      title: `${name} pulls one image of a manifest list`,
      steps: [
        ...push(engine),
        putManifest(engine, "list", dockerList),
        ...pull(engine, "list", dockerList, dockerImage),
      ],
    },
  ];
}

/** What a newer tool pushed: read by who knows OCI types, as schema 2 by who does not. */
function pullsOci(name: string, engine: Engine, found: Pushable): ClientSequence {
  return {
    title: `${name} pulls an OCI image`,
    steps: [
      ...push(docker28),
      putManifest(docker28, "oci", ociImage),
      ...pull(engine, "oci", found),
    ],
  };
}

export const dockerSequences: readonly ClientSequence[] = [
  ...sequencesOf("docker 17.06", docker17),
  ...sequencesOf("docker 19.03", docker19),
  ...sequencesOf("docker 20.10", docker20),
  ...sequencesOf("docker 28", docker28),
  pullsOci("docker 17.06", docker17, dockerImage),
  pullsOci("docker 19.03", docker19, ociImage),
  pullsOci("docker 20.10", docker20, ociImage),
  {
    title: "docker 20.10 asks two questions when the image is present",
    steps: [...push(docker20), ping(docker20), manifest(docker20, "pushed", dockerImage, "HEAD")],
  },
];
