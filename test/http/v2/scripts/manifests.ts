/** Manifests: what is taken, how it is given back, what is refused (rule table 1.4). */
import { mediaType } from "../../../../src/oci/media-type.ts";
import {
  artifact,
  bytesOf,
  config,
  configBytes,
  type Described,
  describe,
  digestOf,
  emptyBytes,
  imageIndex,
  imageManifest,
  json,
  layer,
  type Pushable,
  pushable,
  pushBlob,
  pushManifest,
  pushParts,
} from "../content.ts";
import type { Script, Step } from "../script.ts";

const image = imageManifest();
const otherImage = imageManifest({ annotations: { which: "the other one" } });
const absent: Described = {
  mediaType: mediaType.ociManifest,
  digest: digestOf("a manifest that nobody pushed"),
  size: 400,
};

function readsBack({ type, bytes, digest }: Pushable, reference: string): Step {
  return {
    ask: `GET /v2/{name}/manifests/${reference}`,
    expect: {
      status: 200,
      body: bytes,
      headers: {
        "content-type": type,
        "docker-content-digest": digest,
        "content-length": String(bytes.byteLength),
        etag: `"${digest}"`,
      },
    },
  };
}

const gone = { status: 404, error: "MANIFEST_UNKNOWN" };

/** Pushed by tag and by digest, read, listed, deleted: for each shape of data. */
function shape(title: string, manifest: Pushable, before: readonly Step[] = pushParts): Script {
  const subject = manifestSubject(manifest);
  const pushed = pushManifest(manifest, "shape");
  return {
    title: `takes, lists, gives back and deletes ${title}`,
    steps: [
      ...before,
      {
        ...pushed,
        expect: {
          status: 201,
          headers: {
            location: `/v2/{name}/manifests/${manifest.digest}`,
            "docker-content-digest": manifest.digest,
            "oci-subject": subject ?? null,
          },
        },
      },
      pushManifest(manifest),
      readsBack(manifest, "shape"),
      readsBack(manifest, manifest.digest),
      {
        ask: "GET /v2/{name}/tags/list",
        expect: { status: 200, json: { name: "{name}", tags: ["shape"] } },
      },
      {
        ask: `GET /v2/{name}/referrers/${manifest.digest}`,
        expect: {
          status: 200,
          json: { schemaVersion: 2, mediaType: mediaType.ociIndex, manifests: [] },
        },
      },
      { ask: `DELETE /v2/{name}/manifests/${manifest.digest}`, expect: { status: 202 } },
      { ask: "GET /v2/{name}/manifests/shape", expect: gone },
      { ask: `GET /v2/{name}/manifests/${manifest.digest}`, expect: gone },
    ],
  };
}

function manifestSubject({ bytes }: Pushable): string | undefined {
  return (JSON.parse(bytes.toString()) as { subject?: { digest: string } }).subject?.digest;
}

const uncompressed = describe(mediaType.ociLayer, bytesOf("uncompressed"));
const dockerImage = pushable(mediaType.dockerManifest, {
  schemaVersion: 2,
  mediaType: mediaType.dockerManifest,
  config: { ...config, mediaType: mediaType.dockerConfig },
  layers: [{ ...layer, mediaType: mediaType.dockerLayerGzip }],
});
const index = imageIndex([
  { ...image.descriptor, platform: { os: "linux", architecture: "amd64" } },
  { ...otherImage.descriptor, platform: { os: "linux", architecture: "arm64" } },
]);
const both = [...pushParts, pushManifest(image), pushManifest(otherImage)];
const nothing = pushBlob(emptyBytes);

const shapes: readonly Script[] = [
  shape("an image", image),
  shape("a Docker schema 2 image", dockerImage),
  shape(
    "a Docker manifest list",
    pushable(mediaType.dockerList, {
      schemaVersion: 2,
      mediaType: mediaType.dockerList,
      manifests: [{ ...dockerImage.descriptor, platform: { os: "linux", architecture: "amd64" } }],
    }),
    [...pushParts, pushManifest(dockerImage)],
  ),
  shape("an image with uncompressed layers", imageManifest({ layers: [uncompressed] }), [
    ...pushParts,
    ...pushBlob(bytesOf("uncompressed")),
  ]),
  shape("an image without layers", imageManifest({ layers: [] })),
  shape("an image whose mediaType field is absent", imageManifest({ mediaType: undefined })),
  shape("an index", index, both),
  shape("a nested index", imageIndex([index.descriptor, image.descriptor]), [
    ...both,
    pushManifest(index),
  ]),
  shape("an empty index", imageIndex([]), []),
  shape("a sparse index, whose images are not here", imageIndex([absent, image.descriptor]), both),
  shape("an artifact", artifact("application/vnd.test.artifact"), nothing),
  shape("an artifact index", imageIndex([], { artifactType: "application/vnd.test.index" }), []),
  shape(
    "an artifact without layers",
    artifact("application/vnd.test.bare", { layers: [] }),
    nothing,
  ),
  shape(
    "an artifact with a subject",
    artifact("application/vnd.test.signature", { subject: image.descriptor }),
    [...both, ...nothing],
  ),
  shape(
    "an artifact whose subject is not here",
    artifact("application/vnd.test.signature", { subject: absent }),
    nothing,
  ),
  shape("an index with a subject", imageIndex([], { subject: image.descriptor }), both),
  shape(
    "an image with the content of its config in the data field",
    imageManifest({ config: { ...config, data: configBytes.toString("base64") } }),
  ),
  shape(
    "an image with a non-distributable layer that is not here",
    imageManifest({
      layers: [
        layer,
        {
          mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
          digest: digestOf("not to be distributed"),
          size: 100,
          urls: ["https://elsewhere.example/layer"],
        },
      ],
    }),
  ),
  shape(
    "an image with fields that nobody knows",
    imageManifest({ unknown: { nested: [1, null, "x"] }, org: "acme" }),
  ),
  shape(
    "an image of 4 MiB and more",
    imageManifest({ annotations: { filler: "x".repeat(4.5 * 1024 * 1024) } }),
  ),
];

function badManifest(why: string, bytes: Buffer, type: string = mediaType.ociManifest): Script {
  return {
    title: `refuses a manifest ${why}`,
    steps: [
      ...pushParts,
      {
        ask: "PUT /v2/{name}/manifests/bad",
        headers: { "Content-Type": type },
        body: bytes,
        expect: { status: 400, error: "MANIFEST_INVALID" },
      },
      { ask: "GET /v2/{name}/manifests/bad", expect: gone },
    ],
  };
}

const badDescriptor = { ...config, digest: "sha256:nonsense" };

const refusals: readonly Script[] = [
  badManifest("that is no JSON", Buffer.from("{")),
  badManifest("that is empty", Buffer.alloc(0)),
  badManifest("that is no object", json([1, 2])),
  badManifest("that is not UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d])),
  badManifest("without schemaVersion", imageManifest({ schemaVersion: undefined }).bytes),
  badManifest("without config", imageManifest({ config: undefined }).bytes),
  badManifest("with a malformed digest inside", imageManifest({ config: badDescriptor }).bytes),
  badManifest(
    "with a negative size inside",
    imageManifest({ config: { ...config, size: -1 } }).bytes,
  ),
  badManifest("of schema 1", json({ schemaVersion: 1 }), mediaType.dockerSchema1Signed),
  badManifest("of a type that is none", image.bytes, "text/plain"),
  badManifest("without a Content-Type", image.bytes, ""),
  badManifest("whose mediaType field says another type", image.bytes, mediaType.dockerManifest),
  badManifest(
    "that is an image and an index at once",
    imageManifest({ manifests: [image.descriptor] }).bytes,
  ),
  {
    title: "refuses a manifest whose bytes have another digest than its path",
    steps: [
      ...pushParts,
      {
        ask: `PUT /v2/{name}/manifests/${digestOf("other bytes")}`,
        headers: { "Content-Type": image.type },
        body: image.bytes,
        expect: { status: 400, error: "DIGEST_INVALID" },
      },
      { ask: `GET /v2/{name}/manifests/${digestOf("other bytes")}`, expect: gone },
      { ask: `GET /v2/{name}/manifests/${image.digest}`, expect: gone },
    ],
  },
  {
    title: "refuses a manifest whose config or layers were never pushed, and shows nothing of it",
    steps: [
      ...[
        { config: { ...config, digest: digestOf("no config") } },
        { layers: [{ ...layer, digest: digestOf("no layer") }] },
      ].flatMap((more): Step[] => {
        const broken = imageManifest(more);
        return [
          ...pushParts,
          {
            ...pushManifest(broken, "broken"),
            expect: { status: 404, error: "MANIFEST_BLOB_UNKNOWN" },
          },
          { ask: "GET /v2/{name}/manifests/broken", expect: gone },
          { ask: `GET /v2/{name}/manifests/${broken.digest}`, expect: gone },
        ];
      }),
    ],
  },
  {
    title: "refuses a malformed reference as the tag or the digest that it resembles",
    steps: [
      ["sha256:abc", "DIGEST_INVALID"],
      [`sha256:${"A".repeat(64)}`, "DIGEST_INVALID"],
      [`md5:${"0".repeat(32)}`, "DIGEST_INVALID"],
      ["@", "TAG_INVALID"],
      [".hidden", "TAG_INVALID"],
      ["-option", "TAG_INVALID"],
      ["t".repeat(129), "TAG_INVALID"],
      ["caf%C3%A9", "TAG_INVALID"],
    ].flatMap(([reference = "", error = ""]): Step[] => [
      {
        ...pushManifest(image, reference),
        expect: { status: 400, error },
      },
      { ask: `GET /v2/{name}/manifests/${reference}`, expect: { status: 400, error } },
      { ask: `DELETE /v2/{name}/manifests/${reference}`, expect: { status: 400, error } },
    ]),
  },
  {
    title: "knows no manifest that was not pushed to this repository",
    steps: [
      ...pushParts,
      pushManifest(image, "here"),
      { ask: `GET /v2/{other}/manifests/${image.digest}`, expect: gone },
      { ask: "GET /v2/{other}/manifests/here", expect: gone },
      { ask: "GET /v2/{name}/manifests/there", expect: gone },
      { ask: `GET /v2/{name}/manifests/${digestOf("nothing")}`, expect: gone },
    ],
  },
  {
    title: "refuses a manifest above the limit with 413, however it is sent",
    steps: [false, true].map((streamed): Step => {
      const large = imageManifest({ annotations: { filler: "x".repeat(8 * 1024 * 1024) } });
      return {
        ...pushManifest(large, "large"),
        ...(streamed && { streamed }),
        expect: { status: 413, error: "SIZE_INVALID" },
      };
    }),
  },
];

const types: readonly Script[] = [
  {
    title: "stores the Content-Type of a manifest without its parameters",
    steps: [
      ...pushParts,
      {
        ...pushManifest(image, "typed"),
        headers: { "Content-Type": `${image.type}; charset=utf-8` },
      },
      readsBack(image, "typed"),
    ],
  },
  {
    title: "gives bytes back as they came, white space and order of fields included",
    steps: [
      ...pushParts,
      ...[
        Buffer.from(`\n ${JSON.stringify(JSON.parse(image.bytes.toString()), null, 7)}\n\n`),
      ].flatMap((bytes): Step[] => {
        const spaced = { ...image, bytes, digest: digestOf(bytes) };
        return [pushManifest(spaced, "spaced"), readsBack(spaced, "spaced")];
      }),
    ],
  },
  {
    title: "moves a tag to what was pushed last",
    steps: [
      ...pushParts,
      pushManifest(image, "moving"),
      pushManifest(otherImage, "moving"),
      readsBack(otherImage, "moving"),
      readsBack(image, image.digest),
      pushManifest(image, "moving"),
      readsBack(image, "moving"),
    ],
  },
  {
    title: "answers 304 to who has the manifest, by tag and by digest",
    steps: [
      ...pushParts,
      pushManifest(image, "cached"),
      ...["cached", image.digest].map(
        (reference): Step => ({
          ask: `GET /v2/{name}/manifests/${reference}`,
          headers: { "If-None-Match": `"${image.digest}"` },
          expect: {
            status: 304,
            headers: { etag: `"${image.digest}"`, "docker-content-digest": image.digest },
          },
        }),
      ),
    ],
  },
];

export const manifests: readonly Script[] = [...shapes, ...refusals, ...types];
