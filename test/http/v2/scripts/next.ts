/**
 * What 1.1 leaves open or the next version adds: conditions on writes, several tags in one PUT,
 * sha512 throughout, warnings; and what older pullers get instead of what is stored.
 */
import { mediaType } from "../../../../src/oci/media-type.ts";
import {
  config,
  configBytes,
  describe,
  digestOf,
  imageIndex,
  imageManifest,
  json,
  layer,
  layerBytes,
  type Pushable,
  pushBlob,
  pushManifest,
  pushParts,
} from "../content.ts";
import type { Expectation, Script, Step } from "../script.ts";

const image = imageManifest();
const other = imageManifest({ annotations: { which: "the other" } });

function put(
  manifest: Pushable,
  reference: string,
  headers: Readonly<Record<string, string>>,
  status = 201,
): Step {
  const step = pushManifest(manifest, reference);
  return { ...step, headers: { ...step.headers, ...headers }, expect: { status } };
}

function names(reference: string, { digest }: Pushable): Step {
  return {
    ask: `GET /v2/{name}/manifests/${reference}`,
    expect: { status: 200, headers: { "docker-content-digest": digest } },
  };
}

const conditions: readonly Script[] = [
  {
    title: "creates a tag only where there is none, for If-None-Match: *",
    steps: [
      ...pushParts,
      put(image, "once", { "If-None-Match": "*" }),
      put(other, "once", { "If-None-Match": "*" }, 412),
      names("once", image),
      { ask: `GET /v2/{name}/manifests/${other.digest}`, expect: { status: 404 } },
      { ask: "DELETE /v2/{name}/manifests/once", expect: { status: 202 } },
      put(other, "once", { "If-None-Match": "*" }),
      names("once", other),
      { ask: `DELETE /v2/{name}/manifests/${other.digest}`, expect: { status: 202 } },
      put(image, "once", { "If-None-Match": "*" }),
    ],
  },
  {
    title: "moves a tag only from the manifest that If-Match names",
    steps: [
      ...pushParts,
      put(image, "moving", { "If-Match": `"${image.digest}"` }, 412),
      put(image, "moving", { "If-Match": "*" }, 412),
      put(image, "moving", {}),
      put(other, "moving", { "If-Match": `"${other.digest}"` }, 412),
      put(other, "moving", { "If-Match": `W/"${image.digest}"` }, 412),
      put(other, "moving", { "If-Match": `"x", "${image.digest}"` }),
      names("moving", other),
      put(image, "moving", { "If-Match": "*" }),
      names("moving", image),
      put(other, "moving", { "If-None-Match": `"${image.digest}"` }, 412),
      put(other, "moving", { "If-None-Match": `"${other.digest}"` }),
    ],
  },
  {
    title: "takes conditions on a PUT by digest for that manifest",
    steps: [
      ...pushParts,
      put(image, image.digest, { "If-Match": "*" }, 412),
      put(image, image.digest, { "If-None-Match": "*" }),
      put(image, image.digest, { "If-None-Match": "*" }, 412),
      put(image, image.digest, { "If-Match": `"${image.digest}"` }),
    ],
  },
];

const manyTags = Array.from({ length: 100 }, (_, at) => `many-${String(at).padStart(3, "0")}`);

const multiTag: readonly Script[] = [
  {
    title: "tags a manifest with each tag parameter of a PUT by digest, and names them",
    steps: [
      ...pushParts,
      {
        ...pushManifest(image),
        query: { tag: ["b", "a", "b"] },
        expect: {
          status: 201,
          headers: { "oci-tag": "b, a", "docker-content-digest": image.digest },
        },
      },
      names("a", image),
      names("b", image),
      {
        ask: "GET /v2/{name}/tags/list",
        expect: { status: 200, json: { name: "{name}", tags: ["a", "b"] } },
      },
    ],
  },
  {
    title: "takes a hundred tags in one PUT, and answers 414 to more",
    steps: [
      ...pushParts,
      {
        ...pushManifest(image),
        query: { tag: manyTags },
        expect: { status: 201, headers: { "oci-tag": manyTags.join(", ") } },
      },
      {
        ask: "GET /v2/{name}/tags/list",
        expect: { status: 200, json: { name: "{name}", tags: manyTags } },
      },
      {
        ...pushManifest(image),
        query: { tag: [...manyTags, "one-too-many"] },
        expect: { status: 414 },
      },
    ],
  },
  {
    title: "stores nothing when one of several tags is malformed",
    steps: [
      ...pushParts,
      {
        ...pushManifest(image),
        query: { tag: ["fine", "-bad"] },
        expect: { status: 400, error: "TAG_INVALID" },
      },
      { ask: "GET /v2/{name}/manifests/fine", expect: { status: 404 } },
      { ask: `GET /v2/{name}/manifests/${image.digest}`, expect: { status: 404 } },
    ],
  },
];

const config512 = describe(mediaType.ociConfig, configBytes, "sha512");
const layer512 = describe(mediaType.ociLayerGzip, layerBytes, "sha512");

function with512(document: Pushable): Pushable {
  const digest = digestOf(document.bytes, "sha512");
  return { ...document, digest, descriptor: { ...document.descriptor, digest } };
}

const image512 = with512(imageManifest({ config: config512, layers: [layer512] }));
const mixed512 = with512(imageManifest({ config, layers: [layer512, layer] }));
const index512 = with512(imageIndex([image512.descriptor, image.descriptor]));
const signature512 = with512(imageManifest({ subject: image512.descriptor }));
const push512 = [
  ...pushBlob(configBytes, { algorithm: "sha512" }),
  ...pushBlob(layerBytes, { algorithm: "sha512" }),
];

function reads512(manifest: Pushable, reference: string): Step {
  return {
    ask: `GET /v2/{name}/manifests/${reference}`,
    expect: {
      status: 200,
      body: manifest.bytes,
      headers: { "docker-content-digest": manifest.digest, etag: `"${manifest.digest}"` },
    },
  };
}

const sha512: readonly Script[] = [
  {
    title: "keeps manifests under their sha512 digest, with tags, children and referrers",
    steps: [
      ...pushParts,
      ...push512,
      pushManifest(image),
      { ...pushManifest(image512), query: { tag: "long" } },
      { ...pushManifest(index512), query: { tag: "index" } },
      pushManifest(signature512),
      reads512(image512, "long"),
      reads512(image512, image512.digest),
      reads512(index512, "index"),
      {
        ask: `GET /v2/{name}/referrers/${image512.digest}`,
        expect: {
          status: 200,
          json: {
            schemaVersion: 2,
            mediaType: mediaType.ociIndex,
            manifests: [{ ...signature512.descriptor, artifactType: mediaType.ociConfig }],
          },
        },
      },
      { ask: `DELETE /v2/{name}/manifests/${image512.digest}`, expect: { status: 202 } },
      { ask: "GET /v2/{name}/manifests/long", expect: { status: 404 } },
      reads512(index512, "index"),
    ],
  },
  {
    title: "takes a manifest that mixes sha256 and sha512, and misses neither kind",
    steps: [
      ...pushParts,
      ...pushBlob(layerBytes, { algorithm: "sha512" }),
      pushManifest(mixed512),
      reads512(mixed512, mixed512.digest),
      {
        ...pushManifest(
          with512(imageManifest({ layers: [{ ...layer512, digest: digestOf("no", "sha512") }] })),
        ),
        expect: { status: 404, error: "MANIFEST_BLOB_UNKNOWN" },
      },
    ],
  },
  {
    title: "knows the same bytes under one digest only until they are pushed under the other",
    steps: [
      ...pushBlob(Buffer.from("both ways")),
      { ask: `GET /v2/{name}/blobs/${digestOf("both ways", "sha512")}`, expect: { status: 404 } },
      ...pushBlob(Buffer.from("both ways"), { algorithm: "sha512" }),
      { ask: `GET /v2/{name}/blobs/${digestOf("both ways", "sha512")}`, expect: { status: 200 } },
    ],
  },
];

const zstd = imageManifest({ layers: [{ ...layer, mediaType: mediaType.ociLayerZstd }] });
const absent = { mediaType: mediaType.ociManifest, digest: digestOf("absent"), size: 9 };

const warnings: readonly Script[] = [
  {
    title: "warns who pushes an index that some of its images are not here",
    steps: [
      ...pushParts,
      pushManifest(image),
      {
        ...pushManifest(imageIndex([image.descriptor, absent]), "sparse"),
        expect: { status: 201, headers: { warning: /^299 - "1 of the 2 manifests [^"]+"$/ } },
      },
      {
        ...pushManifest(imageIndex([image.descriptor]), "whole"),
        expect: { status: 201, headers: { warning: null } },
      },
    ],
  },
  {
    title: "warns who pushes an image that old pullers cannot read",
    steps: [
      ...pushParts,
      {
        ...pushManifest(zstd, "zstd"),
        expect: { status: 201, headers: { warning: /^299 - "[^"]*Mesos[^"]*tar\+zstd"$/ } },
      },
      {
        ...pushManifest(
          imageManifest({ layers: [{ ...layer, mediaType: 'x/"\\\u00e9\n' }] }),
          "hostile",
        ),
        expect: { status: 201, headers: { warning: /^299 - "[^"]*x\/\\"\\\\\?\?"$/ } },
      },
      { ...pushManifest(image, "gzip"), expect: { status: 201, headers: { warning: null } } },
    ],
  },
];

/** Word for word what the Mesos containerizer sends. */
const mesos = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v1+prettyjws",
].join(",");

const twin = Buffer.from(
  JSON.stringify(
    {
      schemaVersion: 2,
      mediaType: mediaType.dockerManifest,
      config: { mediaType: mediaType.dockerConfig, size: config.size, digest: config.digest },
      layers: [{ mediaType: mediaType.dockerLayerGzip, size: layer.size, digest: layer.digest }],
    },
    null,
    3,
  ),
);
const index = imageIndex([
  { ...other.descriptor, platform: { os: "linux", architecture: "arm64" } },
  { ...image.descriptor, platform: { os: "linux", architecture: "amd64" } },
]);
const twinExpected: Expectation = {
  status: 200,
  body: twin,
  headers: {
    "content-type": mediaType.dockerManifest,
    "docker-content-digest": digestOf(twin),
    vary: /accept/i,
  },
};

function accepting(accept: string, reference: string, expect: Expectation): Step {
  return { ask: `GET /v2/{name}/manifests/${reference}`, headers: { Accept: accept }, expect };
}

const pullers: readonly Script[] = [
  {
    title: "gives Mesos the Docker schema 2 form of an OCI image, by tag and by its own digest",
    steps: [
      ...pushParts,
      pushManifest(image, "oci"),
      accepting(mesos, "oci", twinExpected),
      accepting(mesos, image.digest, twinExpected),
      accepting(mesos, digestOf(twin), twinExpected),
      accepting("*/*", "oci", { status: 200, body: image.bytes }),
      { ask: `DELETE /v2/{name}/manifests/${image.digest}`, expect: { status: 202 } },
      accepting(mesos, digestOf(twin), { status: 404, error: "MANIFEST_UNKNOWN" }),
    ],
  },
  {
    title: "gives who reads no index its linux/amd64 image",
    steps: [
      ...pushParts,
      pushManifest(image),
      pushManifest(other),
      pushManifest(index, "multi"),
      accepting(mesos, "multi", twinExpected),
      accepting(mediaType.ociManifest, "multi", {
        status: 200,
        body: image.bytes,
        headers: { "docker-content-digest": image.digest },
      }),
      accepting(`${mediaType.ociIndex}, ${mediaType.ociManifest}`, "multi", {
        status: 200,
        body: index.bytes,
      }),
    ],
  },
  {
    title: "explains what it cannot give, and why",
    steps: [
      ...pushParts,
      pushManifest(zstd, "zstd"),
      accepting(mesos, "zstd", { status: 404, error: "MANIFEST_UNKNOWN", body: refusedZstd() }),
      pushManifest(other),
      pushManifest(
        imageIndex([{ ...other.descriptor, platform: { os: "linux", architecture: "arm64" } }]),
        "arm",
      ),
      accepting(mesos, "arm", { status: 404, error: "MANIFEST_UNKNOWN" }),
      pushManifest(imageIndex([], { artifactType: "application/vnd.test" }), "artifact"),
      accepting(mesos, "artifact", { status: 404, error: "MANIFEST_UNKNOWN" }),
    ],
  },
  {
    title: "serves what is stored to who accepts it, in whatever form Accept is written",
    steps: [
      ...pushParts,
      pushManifest(image, "oci"),
      ...[
        "",
        "*/*",
        "application/*",
        "*",
        `${mediaType.dockerManifest}, *`,
        `${mediaType.ociManifest};q=0.5`,
        `text/html, ${mediaType.ociManifest.toUpperCase()} , */*;q=0.1`,
      ].map((accept) => accepting(accept, "oci", { status: 200, body: image.bytes })),
    ],
  },
];

function refusedZstd(): Buffer {
  const message = `${zstd.digest} is ${mediaType.ociManifest}, which the client does not accept; there is no Docker schema 2 form of it, because that does not know ${mediaType.ociLayerZstd}: push the image with gzip layers`;
  const detail = { digest: zstd.digest, mediaType: mediaType.ociManifest };
  return json({ errors: [{ code: "MANIFEST_UNKNOWN", message, detail }] });
}

const longUrls: readonly Script[] = [
  {
    title: "answers 414 to a URL that is longer than any that means something",
    steps: [
      {
        ask: `GET /v2/${"a/".repeat(10_000)}tags/list`,
        expect: { status: 414, error: "SIZE_INVALID" },
      },
      { ask: "GET /v2/", query: { filler: "x".repeat(20_000) }, expect: { status: 414 } },
    ],
  },
];

export const next: readonly Script[] = [
  ...conditions,
  ...multiTag,
  ...sha512,
  ...warnings,
  ...pullers,
  ...longUrls,
];
