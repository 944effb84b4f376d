/** Tags, repositories and referrers, page by page (rule table 1.3). */
import { mediaType } from "../../../../src/oci/media-type.ts";
import {
  artifact,
  type Described,
  describe,
  digestOf,
  emptyBytes,
  imageIndex,
  imageManifest,
  type Pushable,
  pushBlob,
  pushManifest,
  pushParts,
} from "../content.ts";
import type { Expectation, Script, Step } from "../script.ts";

const image = imageManifest();
/** In the order in which they are listed: by the bytes of their names. */
const sorted = ["0.9", "1.0", "1.10", "1.9", "Beta", "_x", "alpha", "latest"];

/** Pushed in another order than the one they are listed in. */
const tagged: readonly Step[] = [
  ...pushParts,
  ...[...sorted].reverse().map((tag) => pushManifest(image, tag)),
];

function listed(tags: readonly string[], headers: Expectation["headers"] = {}): Expectation {
  return { status: 200, json: { name: "{name}", tags }, headers };
}

function page(query: Step["query"], tags: readonly string[], next: string | null): Step {
  const link = next === null ? null : `</v2/{name}/tags/list?${next}>; rel="next"`;
  return { ask: "GET /v2/{name}/tags/list", query: query ?? {}, expect: listed(tags, { link }) };
}

const tags: readonly Script[] = [
  {
    title: "lists tags by the bytes of their names, whatever the order of the pushes",
    steps: [...tagged, page({}, sorted, null)],
  },
  {
    title: "lists tags in pages, with a Link for as long as there is more",
    steps: [
      ...tagged,
      page({ n: "3" }, sorted.slice(0, 3), "n=3&last=1.10"),
      page({ n: "3", last: "1.10" }, sorted.slice(3, 6), "n=3&last=_x"),
      page({ n: "3", last: "_x" }, sorted.slice(6), null),
      page({ n: "8" }, sorted, null),
      page({ n: "7" }, sorted.slice(0, 7), "n=7&last=alpha"),
    ],
  },
  {
    title: "lists nothing, and names no next page, for n=0",
    steps: [...tagged, page({ n: "0" }, [], null), page({ n: "0", last: "1.0" }, [], null)],
  },
  {
    title: "takes any n, however large",
    steps: [
      ...tagged,
      page({ n: "100000" }, sorted, null),
      page({ n: "123456789012345678901234567890" }, sorted, null),
    ],
  },
  {
    title: "starts behind last without n, and behind a last that was deleted or never was",
    steps: [
      ...tagged,
      page({ last: "1.9" }, sorted.slice(4), null),
      page({ last: "1.5" }, sorted.slice(3), null),
      { ask: "DELETE /v2/{name}/manifests/1.9", expect: { status: 202 } },
      page({ last: "1.9" }, sorted.slice(4), null),
      page({ n: "1", last: "1.9" }, ["Beta"], "n=1&last=Beta"),
      page({ last: "latest" }, [], null),
      page({ last: "zzz" }, [], null),
    ],
  },
  {
    title: "takes any text as last, for its place in the order",
    steps: [
      ...tagged,
      page({ last: "" }, sorted, null),
      page({ last: "1.10!" }, sorted.slice(3), null),
      page({ last: "a b" }, sorted.slice(6), null),
      page({ last: "~" }, [], null),
      page({ last: "é" }, [], null),
      page({ last: "\u0000" }, sorted, null),
    ],
  },
  {
    title: "refuses an n that is no number",
    steps: ["-1", "x", "1.5", "1e3", ""].map((n) => ({
      ask: "GET /v2/_catalog",
      query: { n },
      expect: { status: 400, error: "PAGINATION_NUMBER_INVALID" },
    })),
  },
  {
    title: "knows no tags of a repository that never had a manifest",
    steps: [
      { ask: "GET /v2/{name}/tags/list", expect: { status: 404, error: "NAME_UNKNOWN" } },
      ...pushBlob(emptyBytes),
      { ask: "GET /v2/{name}/tags/list", expect: { status: 404, error: "NAME_UNKNOWN" } },
    ],
  },
  {
    title: "lists an empty list, not null, where no tag is left",
    steps: [
      ...pushParts,
      pushManifest(image),
      page({}, [], null),
      pushManifest(image, "only"),
      { ask: "DELETE /v2/{name}/manifests/only", expect: { status: 202 } },
      page({}, [], null),
    ],
  },
  {
    title: "lists tags that were deleted and pushed again, in pages of every size",
    steps: [
      ...tagged,
      ...["0.9", "1.9", "latest"].map(
        (tag): Step => ({ ask: `DELETE /v2/{name}/manifests/${tag}`, expect: { status: 202 } }),
      ),
      page({}, ["1.0", "1.10", "Beta", "_x", "alpha"], null),
      page({ n: "2" }, ["1.0", "1.10"], "n=2&last=1.10"),
      page({ n: "2", last: "1.10" }, ["Beta", "_x"], "n=2&last=_x"),
      page({ n: "2", last: "_x" }, ["alpha"], null),
      pushManifest(image, "1.9"),
      page({ n: "3" }, ["1.0", "1.10", "1.9"], "n=3&last=1.9"),
      { ask: "DELETE /v2/{name}/manifests/1.9", expect: { status: 202 } },
      page({ n: "3" }, ["1.0", "1.10", "Beta"], "n=3&last=Beta"),
      pushManifest(image, "1.9"),
      pushManifest(image, "0.9"),
      pushManifest(image, "latest"),
      page({}, sorted, null),
    ],
  },
];

/** Runs alone on a registry, as it looks at all repositories. */
const catalog: readonly Script[] = [
  {
    title: "lists repositories in pages behind any last",
    steps: [
      pushManifest(imageIndex([]), "1"),
      ...["b", "a", "a-b", "a/b"].map(
        (name): Step => ({
          ...pushManifest(imageIndex([]), "1"),
          ask: `PUT /v2/{name}/${name}/manifests/1`,
        }),
      ),
      catalogPage("{name}", ["{name}/a", "{name}/a/b"]),
      catalogPage("{name}/a", ["{name}/a/b", "{name}/a-b"]),
      catalogPage("{name}/a/b", ["{name}/a-b", "{name}/b"]),
      catalogPage("{name}/a/nothing", ["{name}/a-b", "{name}/b"]),
      {
        ask: "GET /v2/_catalog",
        query: { n: "0" },
        expect: { status: 200, json: { repositories: [] }, headers: { link: null } },
      },
      {
        ask: "GET /v2/_catalog",
        query: { last: "~" },
        expect: { status: 200, json: { repositories: [] }, headers: { link: null } },
      },
    ],
  },
];

function catalogPage(last: string, repositories: readonly string[]): Step {
  return {
    ask: "GET /v2/_catalog",
    query: { n: "2", last },
    expect: { status: 200, json: { repositories } },
  };
}

const emptyPushed = pushBlob(emptyBytes);

/** As the referrers API lists it. */
function listedReferrer(pushed: Pushable, artifactType?: string, annotations?: object): Described {
  return {
    ...pushed.descriptor,
    ...(artifactType !== undefined && { artifactType }),
    ...(annotations && { annotations }),
  };
}

function referrers(
  subject: string,
  manifests: readonly Described[],
  more: { query?: Step["query"]; headers?: Expectation["headers"] } = {},
): Step {
  const byDigest = [...manifests].sort((a, b) => (a.digest < b.digest ? -1 : 1));
  return {
    ask: `GET /v2/{name}/referrers/${subject}`,
    ...(more.query && { query: more.query }),
    expect: {
      status: 200,
      json: { schemaVersion: 2, mediaType: mediaType.ociIndex, manifests: byDigest },
      headers: { "content-type": mediaType.ociIndex, ...more.headers },
    },
  };
}

const subject = image.descriptor;
const signature = artifact("application/vnd.test.signature", {
  subject,
  annotations: { signer: "alice" },
});
const sbom = artifact("application/vnd.test.sbom", { subject });
const derived = imageManifest({ subject, annotations: { what: "an image with a subject" } });
const indexReferrer = imageIndex([], { subject });
const typedIndex = imageIndex([], { subject, artifactType: "application/vnd.test.index" });
const signatureListed = listedReferrer(signature, "application/vnd.test.signature", {
  signer: "alice",
});
const sbomListed = listedReferrer(sbom, "application/vnd.test.sbom");
const both = [pushManifest(signature), pushManifest(sbom)];
const inOrder = [signatureListed, sbomListed].sort((a, b) => (a.digest < b.digest ? -1 : 1));

const referring: readonly Script[] = [
  {
    title: "has no referrers of a digest that nobody pushed, in a repository that nobody knows",
    steps: [
      referrers(digestOf("unknown"), [], { headers: { link: null, "oci-filters-applied": null } }),
      referrers(digestOf("unknown", "sha512"), []),
    ],
  },
  {
    title: "refuses referrers of what is no digest",
    steps: ["latest", "sha256:abc", `md5:${"0".repeat(32)}`].map((bad) => ({
      ask: `GET /v2/{name}/referrers/${bad}`,
      expect: { status: 400, error: "DIGEST_INVALID" },
    })),
  },
  {
    title: "lists referrers with their type and annotations, whether the subject is here or not",
    steps: [
      ...emptyPushed,
      ...both,
      referrers(subject.digest, [signatureListed, sbomListed]),
      ...pushParts,
      pushManifest(image),
      referrers(subject.digest, [signatureListed, sbomListed]),
      {
        ask: `GET /v2/{other}/referrers/${subject.digest}`,
        expect: {
          status: 200,
          json: { schemaVersion: 2, mediaType: mediaType.ociIndex, manifests: [] },
        },
      },
    ],
  },
  {
    title: "gives an image without artifactType the type of its config, an index without one none",
    steps: [
      ...pushParts,
      pushManifest(derived),
      pushManifest(indexReferrer),
      pushManifest(typedIndex),
      referrers(subject.digest, [
        listedReferrer(derived, mediaType.ociConfig, { what: "an image with a subject" }),
        listedReferrer(indexReferrer),
        listedReferrer(typedIndex, "application/vnd.test.index"),
      ]),
    ],
  },
  {
    title: "filters referrers by artifactType, and says so",
    steps: [
      ...emptyPushed,
      ...both,
      referrers(subject.digest, [sbomListed], {
        query: { artifactType: "application/vnd.test.sbom" },
        headers: { "oci-filters-applied": "artifactType" },
      }),
      referrers(subject.digest, [], {
        query: { artifactType: "application/vnd.test.other" },
        headers: { "oci-filters-applied": "artifactType" },
      }),
      referrers(subject.digest, [signatureListed, sbomListed], {
        query: { artifactType: "" },
        headers: { "oci-filters-applied": null },
      }),
    ],
  },
  {
    title: "lists referrers in pages, with a Link for as long as there is more",
    steps: [
      ...emptyPushed,
      ...both,
      referrers(subject.digest, inOrder.slice(0, 1), {
        query: { n: "1" },
        headers: {
          link: `</v2/{name}/referrers/${subject.digest}?n=1&last=${encodeURIComponent(inOrder[0]?.digest ?? "")}>; rel="next"`,
        },
      }),
      referrers(subject.digest, inOrder.slice(1), {
        query: { n: "1", last: inOrder[0]?.digest ?? "" },
        headers: { link: null },
      }),
    ],
  },
  {
    title: "lists a referrer no more once it is deleted, and again once it is back",
    steps: [
      ...emptyPushed,
      ...both,
      { ask: `DELETE /v2/{name}/manifests/${signature.digest}`, expect: { status: 202 } },
      referrers(subject.digest, [sbomListed]),
      pushManifest(signature),
      referrers(subject.digest, [signatureListed, sbomListed]),
    ],
  },
  {
    title: "keeps listing referrers of a subject that was deleted",
    steps: [
      ...pushParts,
      ...emptyPushed,
      pushManifest(image),
      ...both,
      { ask: `DELETE /v2/{name}/manifests/${image.digest}`, expect: { status: 202 } },
      referrers(subject.digest, [signatureListed, sbomListed]),
    ],
  },
  {
    title: "lists once what the fallback tag of a client without this API names as well",
    steps: [
      ...emptyPushed,
      pushManifest(signature),
      pushManifest(
        imageIndex([
          signatureListed,
          { ...sbomListed },
          describe(mediaType.ociManifest, Buffer.from("x")),
        ]),
        subject.digest.replace(":", "-"),
      ),
      referrers(subject.digest, [signatureListed]),
      // Named by the tag before it came: it appears with its manifest.
      pushManifest(sbom),
      referrers(subject.digest, [signatureListed, sbomListed]),
    ],
  },
];

export const listings: readonly Script[] = [...tags, ...catalog, ...referring];
