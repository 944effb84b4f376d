/** Deleting tags, manifests and blobs: seen at once, everywhere (rule table 1.4). */
import {
  digestOf,
  imageIndex,
  imageManifest,
  layer,
  layerBytes,
  pushBlob,
  pushManifest,
  pushParts,
} from "../content.ts";
import type { Script, Step } from "../script.ts";

const image = imageManifest();
const other = imageManifest({ annotations: { which: "the other" } });
const gone = { status: 404, error: "MANIFEST_UNKNOWN" };

function tags(names: readonly string[]): Step {
  return {
    ask: "GET /v2/{name}/tags/list",
    expect: { status: 200, json: { name: "{name}", tags: names } },
  };
}

function get(reference: string, expect: Step["expect"] = { status: 200 }): Step {
  return { ask: `GET /v2/{name}/manifests/${reference}`, expect };
}

function remove(reference: string, expect: Step["expect"] = { status: 202 }): Step {
  return { ask: `DELETE /v2/{name}/manifests/${reference}`, expect };
}

export const deletes: readonly Script[] = [
  {
    title: "takes only the tag away when a tag is deleted",
    steps: [
      ...pushParts,
      pushManifest(image, "one"),
      pushManifest(image, "two"),
      remove("one"),
      get("one", gone),
      get("two"),
      get(image.digest),
      tags(["two"]),
      remove("one", gone),
      remove("never", gone),
    ],
  },
  {
    title: "takes every tag of a manifest away when its digest is deleted, and no other",
    steps: [
      ...pushParts,
      pushManifest(image, "one"),
      pushManifest(image, "two"),
      pushManifest(other, "three"),
      remove(image.digest),
      get(image.digest, gone),
      get("one", gone),
      get("two", gone),
      get("three"),
      tags(["three"]),
      remove(image.digest, gone),
      remove(digestOf("unknown"), gone),
    ],
  },
  {
    title: "takes a deleted manifest and its tag back when they are pushed again",
    steps: [
      ...pushParts,
      pushManifest(image, "back"),
      remove(image.digest),
      pushManifest(image),
      get(image.digest),
      get("back", gone),
      pushManifest(image, "back"),
      get("back"),
      tags(["back"]),
    ],
  },
  {
    title: "leaves an index readable when one of its images is deleted",
    steps: [
      ...pushParts,
      pushManifest(image),
      pushManifest(imageIndex([image.descriptor]), "index"),
      remove(image.digest),
      get("index"),
      get(image.digest, gone),
    ],
  },
  {
    title: "deletes a blob where it is asked to, and nowhere else",
    steps: [
      ...pushBlob(layerBytes),
      ...pushBlob(layerBytes, { name: "{other}" }),
      { ask: `DELETE /v2/{name}/blobs/${layer.digest}`, expect: { status: 202 } },
      {
        ask: `GET /v2/{name}/blobs/${layer.digest}`,
        expect: { status: 404, error: "BLOB_UNKNOWN" },
      },
      { ask: `GET /v2/{other}/blobs/${layer.digest}`, expect: { status: 200 } },
      {
        ask: `DELETE /v2/{name}/blobs/${layer.digest}`,
        expect: { status: 404, error: "BLOB_UNKNOWN" },
      },
    ],
  },
  ...[
    ["pushed", pushBlob(layerBytes)],
    [
      "mounted",
      [
        {
          ask: "POST /v2/{name}/blobs/uploads/",
          query: { mount: layer.digest, from: "{other}" },
          expect: { status: 201 },
        },
      ],
    ],
    ["referenced by a manifest", [pushManifest(image)]],
  ].map(
    ([how, steps]): Script => ({
      title: `shows a deleted blob again once it is ${how}`,
      steps: [
        ...pushParts,
        ...pushBlob(layerBytes, { name: "{other}" }),
        { ask: `DELETE /v2/{name}/blobs/${layer.digest}`, expect: { status: 202 } },
        { ask: `GET /v2/{name}/blobs/${layer.digest}`, expect: { status: 404 } },
        ...(steps as Step[]),
        { ask: `GET /v2/{name}/blobs/${layer.digest}`, expect: { status: 200 } },
      ],
    }),
  ),
  {
    title: "deletes no blob that is not here, and nothing by a malformed digest",
    steps: [
      {
        ask: `DELETE /v2/{name}/blobs/${digestOf("unknown")}`,
        expect: { status: 404, error: "BLOB_UNKNOWN" },
      },
      {
        ask: "DELETE /v2/{name}/blobs/sha256:abc",
        expect: { status: 400, error: "DIGEST_INVALID" },
      },
    ],
  },
];
