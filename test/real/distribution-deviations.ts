/**
 * Where Debian's docker-registry 2.8 answers otherwise than our rules, each with the reason.
 *
 * A difference is explained when every pattern that a deviation has matches it. The differential
 * test fails for a difference without an explanation, and for an explanation without a difference.
 */
import type { Difference } from "../http/v2/differences.ts";

export interface Deviation {
  readonly name: string;
  readonly reason: string;
  /** The only steps that it explains; left out for how all answers look. */
  readonly at?: readonly Place[];
  readonly ask?: RegExp;
  /** `status`, `body` or a header. */
  readonly what?: RegExp;
  readonly ours?: RegExp;
  readonly theirs?: RegExp;
}

export interface Place {
  /** How the title of the script begins. */
  readonly script: string;
  /** Positions, from 1. */
  readonly steps: readonly number[];
}

export function explains(deviation: Deviation, difference: Difference): boolean {
  if (deviation.at && !deviation.at.some((place) => isAt(place, difference))) return false;
  return (["ask", "what", "ours", "theirs"] as const).every(
    (field) => deviation[field]?.test(difference[field]) ?? true,
  );
}

/** Each step of each place, as text, for telling which of them explain nothing. */
export function placesOf(deviation: Deviation): readonly { place: Place; name: string }[] {
  return (deviation.at ?? []).flatMap(({ script, steps }) =>
    steps.map((step) => ({
      place: { script, steps: [step] },
      name: `${deviation.name}: ${script}, step ${step}`,
    })),
  );
}

export function isAt({ script, steps }: Place, difference: Difference): boolean {
  return difference.script.startsWith(script) && steps.includes(difference.step);
}

function at(script: string, ...steps: readonly number[]): Place {
  return { script, steps };
}

const none = /^\(none\)$/;

/** How all its answers look. */
const manner: readonly Deviation[] = [
  {
    name: "charset on JSON",
    reason: "adds a parameter; ours is without, as Mesos compares types of manifests as strings",
    what: /^content-type$/,
    ours: /^application\/json$/,
    theirs: /^application\/json; charset=utf-8$/,
  },
  {
    name: "plain text where its router has no route",
    reason: "404, 405 and redirects come from the router, without the envelope of the API",
    what: /^(?:content-type|body|x-content-type-options)$/,
    theirs: /^(?:text\/plain; charset=utf-8|no envelope|nosniff)$/,
  },
  {
    name: "order of the Allow header",
    reason: "any order is right; its list for reads lacks HEAD, which it answers",
    what: /^allow$/,
  },
  {
    name: "no chunk size",
    reason: "OCI-Chunk-Min-Length is of distribution-spec 1.1",
    what: /^oci-chunk-min-length$/,
    theirs: none,
  },
  {
    name: "Cache-Control of blobs",
    reason: "ours says public and immutable as well, so that proxies never ask again",
    what: /^cache-control$/,
    theirs: /^max-age=31536000$/,
  },
  {
    name: "session id in the answer to a cancel",
    reason: "the session is gone, its name of no use",
    ask: /^DELETE /,
    what: /^docker-upload-uuid$/,
    ours: none,
  },
  {
    name: "manifests without Vary and Accept-Ranges",
    reason: "it negotiates as well, without telling caches; ranges of manifests are ours",
    ask: /\/manifests\//,
    what: /^(?:vary|accept-ranges)$/,
    theirs: none,
  },
  {
    name: "304 without a digest",
    reason: "ours repeats the digest and the entity tag, as RFC 9110 asks for",
    at: [at("answers 304 to who has the manifest, by tag and by digest", 6, 7)],
    what: /^(?:docker-content-digest|etag)$/,
    theirs: none,
  },
  {
    name: "redirects to a cleaned path",
    reason: "its router redirects doubled and final slashes, dots and a missing slash",
    what: /^status$/,
    theirs: /^301$/,
  },
  {
    name: "order of the parameters in Link",
    reason: "sorted by name; the meaning is the same",
    ask: /_catalog/,
    what: /^link$/,
  },
];

const names: readonly Deviation[] = [
  {
    name: "404 for malformed names",
    reason: "its router does not recognise them; NAME_INVALID says what is wrong",
    at: [
      at("refuses a repository name with upper case", 1, 2, 3),
      at("refuses a repository name with", 1, 2, 3, 4),
    ],
    what: /^status$/,
    ours: /^400$/,
    theirs: /^404$/,
  },
  {
    name: "takes upper case for a POST",
    reason: "a host name in front of the name is allowed by its grammar, and may have upper case",
    at: [at("refuses a repository name with upper case", 4)],
    ask: /^POST /,
    what: /^status$/,
    theirs: /^202$/,
  },
  {
    name: "500 for names that are too long",
    reason: "its storage fails on them",
    at: [
      at("refuses a repository name with more than 255 characters", 1, 2, 3, 4),
      at("answers 414 to a URL that is longer than any that means something", 1),
    ],
    what: /^status$/,
    theirs: /^500$/,
  },
  {
    name: "no limit on URLs",
    reason: "parameters of any length are read",
    at: [at("answers 414 to a URL that is longer than any that means something", 2)],
    ask: /^GET \/v2\/$/,
    what: /^status$/,
    theirs: /^200$/,
  },
  {
    name: "404 where a path has no such method",
    reason: "uploads and referrers have no route for them",
    at: [at("answers 405 and names the methods where a method has no meaning", 5)],
    what: /^status$/,
    theirs: /^404$/,
  },
  {
    name: "404 for a blob that is no digest",
    reason: "a digest without a colon has no route",
    at: [at("answers 404 for a blob that is not here, 400 for what is no digest", 4)],
    what: /^status$/,
    theirs: /^404$/,
  },
];

const pushes: readonly Deviation[] = [
  {
    name: "no monolithic POST",
    reason: "starts a session instead, which the specification allows",
    ask: /^(?:POST \/v2\/\{name\}\/blobs\/uploads\/|GET \{location\})$/,
    at: [
      at("takes a blob in the POST itself", 1, 2),
      at("refuses content with another digest, in every form of push", 1),
      at("takes an empty blob in every form of push", 6),
      at("refuses an algorithm that it cannot hash with", 1, 2),
    ],
    what: /^status$/,
    theirs: /^20[24]$/,
  },
  {
    name: "sha512 is answered with sha256",
    reason: "uploads are stored under sha256 whatever the client asked for",
    what: /^(?:location|docker-content-digest|etag)$/,
    ours: /sha512:/,
    theirs: /sha256:/,
  },
  {
    name: "chunks are taken wherever they start",
    reason: "Content-Range of PATCH is not compared with what is there",
    at: [
      at("refuses a chunk out of order with 416 and where it stands, and goes on", 3, 4),
      at("refuses a first chunk that does not start at 0", 2),
      at("refuses a closing PUT out of order with 416, and the session goes on", 3),
      at("refuses a closing PUT that starts late in an empty session", 2),
      at("refuses a Content-Range with", 2),
      at("refuses a streamed chunk with fewer or more bytes than its Content-Range says", 2, 3),
    ],
    ask: /^(?:PATCH|PUT) /,
    what: /^status$/,
    ours: /^4(?:16|00)$/,
    theirs: /^20[12]$|^400$/,
  },
  {
    name: "what follows a chunk that should have been refused",
    reason: "the bytes are in the session, or it has ended",
    at: [
      at("refuses a chunk out of order with 416 and where it stands, and goes on", 5, 6, 7),
      at("refuses a first chunk that does not start at 0", 3),
      at("refuses a closing PUT out of order with 416, and the session goes on", 4, 5),
      at("refuses a closing PUT that starts late in an empty session", 3),
      at("refuses a Content-Range with", 3),
      at("refuses a streamed chunk with fewer or more bytes than its Content-Range says", 4, 5, 6),
    ],
    ask: /^(?:PATCH|PUT|GET) \{location\}$/,
    what: /^(?:status|range)$/,
    theirs: /^(?:20[01]|40[045]|0-\d+)$/,
  },
  {
    name: "a wrong digest ends the session",
    reason: "ours keeps it, as the specification lets the client go on",
    at: [
      at("keeps the session when the closing PUT has a wrong digest", 4, 5),
      at("refuses a closing PUT without, or with a malformed or unsupported digest", 10),
    ],
    ask: /\{location\}/,
    what: /^status$/,
    theirs: /^404$/,
  },
  {
    name: "one code for unknown uploads and invalid ids",
    reason: "an id that it cannot verify is BLOB_UPLOAD_INVALID, with the same status",
    at: [at("knows no session that it never started", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)],
    what: /^body$/,
    ours: /^BLOB_UPLOAD_UNKNOWN$/,
    theirs: /^BLOB_UPLOAD_INVALID$/,
  },
  {
    name: "mounts only with from",
    reason: "starts an upload where ours finds the blob by itself",
    at: [at("mounts a blob that is here without being told where from", 3, 4)],
    what: /^status$/,
  },
];

const reading: readonly Deviation[] = [
  {
    name: "416 and 412 cut off",
    reason: "they carry the length and digest of the blob, and no or a plain body",
    at: [
      at("answers the range", 3),
      at("has nothing to give for any range of an empty blob", 3),
      at("answers 412 to who asks for another", 3),
    ],
    what: /^(?:content-length|content-type|body|docker-content-digest|etag|content-range|cache-control|accept-ranges)$/,
    theirs:
      /^(?:wrong|no envelope|max-age=31536000|"?sha256:[0-9a-f]{64}"?|\(none\)|application\/octet-stream|text\/plain.*)$/,
  },
  {
    name: "the last no bytes are some",
    reason: "answers bytes=-0 with 206 and nothing in it",
    at: [at("answers the range bytes=-0: the last no bytes", 3)],
    what: /^status$/,
    theirs: /^206$/,
  },
  {
    name: "other units are refused",
    reason: "ours sends everything, as RFC 9110 says for units that a server does not know",
    at: [at("answers the range lines=1-2: another unit, so everything", 3)],
    what: /^status$/,
    theirs: /^416$/,
  },
  {
    name: "boundaries",
    reason: "random in both",
    at: [at("sends two ranges as multipart/byteranges with an exact length", 3)],
    what: /^(?:content-type|body)$/,
  },
];

const lists: readonly Deviation[] = [
  {
    name: "tags neither sorted nor paged",
    reason: "lists them all, as the directory has them, whatever n and last say",
    ask: /\/tags\/list/,
    what: /^(?:body|link)$/,
  },
  {
    name: "an n that is no number is ignored",
    reason: "ours refuses what cannot be meant",
    at: [at("refuses an n that is no number", 1, 2, 3, 4, 5)],
    what: /^status$/,
    theirs: /^200$/,
  },
  {
    name: "n=0 and n=1 of the catalog",
    reason: "n=0 means the default there; what is listed depends on everything pushed before",
    ask: /_catalog/,
    what: /^body$/,
  },
  {
    name: "repositories without tags have no list",
    reason: "404 where ours lists none, once a manifest was there",
    at: [
      at("takes, lists, gives back and deletes a sparse index, whose images are not here", 11),
      at(
        "takes, lists, gives back and deletes an image with a non-distributable layer that is not here",
        9,
      ),
      at("takes, lists, gives back and deletes an image of 4 MiB and more", 9),
      at("lists an empty list, not null, where no tag is left", 6),
    ],
    ask: /\/tags\/list/,
    what: /^status$/,
    theirs: /^404$/,
  },
  {
    name: "no referrers API",
    reason: "of distribution-spec 1.1",
    ask: /\/referrers\//,
    what: /^status$/,
    theirs: /^404$/,
  },
  {
    name: "no OCI-Subject",
    reason: "of distribution-spec 1.1",
    what: /^oci-subject$/,
    theirs: none,
  },
];

const manifests: readonly Deviation[] = [
  {
    name: "indexes need all their manifests",
    reason: "a sparse index is refused with 400",
    at: [
      at(
        "takes, lists, gives back and deletes a sparse index, whose images are not here",
        7,
        8,
        9,
        10,
        13,
      ),
      at(
        "takes, lists, gives back and deletes an image with a non-distributable layer that is not here",
        7,
        8,
        11,
      ),
      at("lists once what the fallback tag of a client without this API names as well", 4),
      at("warns who pushes an index that some of its images are not here", 6),
    ],
    ask: /\/manifests\/|\/tags\/list/,
    what: /^status$/,
    theirs: /^40[04]$/,
  },
  {
    name: "500 for a non-distributable layer that is not here",
    reason: "and nothing of that manifest afterwards",
    at: [
      at(
        "takes, lists, gives back and deletes an image with a non-distributable layer that is not here",
        5,
        6,
      ),
    ],
    what: /^status$/,
    theirs: /^(?:500|404)$/,
  },
  {
    name: "manifests of 4 MiB are too large",
    reason: "its limit is 4 MiB in all, refused with 400",
    at: [
      at("takes, lists, gives back and deletes an image of 4 MiB and more", 5, 6, 7, 8, 11),
      at("refuses a manifest above the limit with 413, however it is sent", 1, 2),
    ],
    what: /^status$/,
    theirs: /^40[04]$/,
  },
  {
    name: "other codes for manifests that are none",
    reason: "500 without schemaVersion and for a malformed digest; a negative size is taken",
    at: [
      at("refuses a manifest without schemaVersion", 5),
      at("refuses a manifest without config", 5),
      at("refuses a manifest with a malformed digest inside", 5),
      at("refuses a manifest with a negative size inside", 5, 6),
      at(
        "refuses a manifest whose config or layers were never pushed, and shows nothing of it",
        5,
        12,
      ),
    ],
    what: /^(?:status|body)$/,
    theirs: /^(?:500|20[01]|400|404|[A-Z_, ]+)$/,
  },
  {
    name: "400 for content that was never pushed",
    reason: "the specification names the code, ours answers 404 with it",
    at: [at("takes a manifest that mixes sha256 and sha512, and misses neither kind", 9)],
    what: /^status$/,
    ours: /^404$/,
    theirs: /^400$/,
  },
  {
    name: "a deleted blob is gone until it is pushed",
    reason: "ours shows it again for a manifest that references it, as its bytes are still here",
    at: [at("shows a deleted blob again once it is referenced by a manifest", 9, 10)],
    what: /^status$/,
    theirs: /^40[04]$/,
  },
  {
    name: "malformed digests are taken for tags",
    reason: "500 for GET; no route for what is neither",
    at: [
      at(
        "refuses a malformed reference as the tag or the digest that it resembles",
        1,
        2,
        4,
        5,
        7,
        8,
        10,
        11,
        12,
        13,
        14,
        15,
        16,
        17,
        18,
        19,
        20,
        21,
        22,
        23,
        24,
      ),
    ],
    what: /^(?:status|body)$/,
  },
  {
    name: "no deleting of tags",
    reason: "UNSUPPORTED for a tag, which then stays",
    at: [
      at("starts behind last without n, and behind a last that was deleted or never was", 15),
      at("lists an empty list, not null, where no tag is left", 8),
      at("lists tags that were deleted and pushed again, in pages of every size", 13, 14, 15, 22),
      at("takes only the tag away when a tag is deleted", 7, 8, 12, 13),
      at("creates a tag only where there is none, for If-None-Match: *", 8, 9),
      at("stores nothing when one of several tags is malformed", 7),
    ],
    ask: /^(?:DELETE|GET) /,
    what: /^status$/,
    theirs: /^(?:400|200)$/,
  },
];

const additions: readonly Deviation[] = [
  {
    name: "no conditions on writes",
    reason: "If-Match and If-None-Match of a PUT are ignored, so what follows has moved",
    at: [
      at("creates a tag only where there is none, for If-None-Match: *", 6, 7),
      at("moves a tag only from the manifest that If-Match names", 5, 6, 8, 9, 14),
      at("takes conditions on a PUT by digest for that manifest", 5, 7),
    ],
    what: /^(?:status|body|docker-content-digest|etag)$/,
  },
  {
    name: "no tag parameter",
    reason: "of the coming version",
    at: [
      at("tags a manifest with each tag parameter of a PUT by digest, and names them", 5, 6, 7, 8),
      at("takes a hundred tags in one PUT, and answers 414 to more", 5, 6, 7),
      at("stores nothing when one of several tags is malformed", 5),
    ],
    what: /^(?:status|oci-tag|body)$/,
  },
  {
    name: "no sha512 for manifests",
    reason: "refuses them",
    at: [
      at(
        "keeps manifests under their sha512 digest, with tags, children and referrers",
        10,
        11,
        12,
        13,
        14,
        15,
        17,
        19,
      ),
      at("takes a manifest that mixes sha256 and sha512, and misses neither kind", 7, 8),
    ],
    ask: /\/manifests\/|\/blobs\//,
    what: /^status$/,
  },
  {
    name: "no warnings",
    reason: "of distribution-spec 1.1",
    what: /^warning$/,
    theirs: none,
  },
  {
    name: "no schema 2 form of OCI images",
    reason: "404 for who does not accept what is stored, also where Accept is absent",
    at: [
      at(
        "gives Mesos the Docker schema 2 form of an OCI image, by tag and by its own digest",
        6,
        7,
        8,
        9,
      ),
      at("gives who reads no index its linux/amd64 image", 8, 9),
      at(
        "serves what is stored to who accepts it, in whatever form Accept is written",
        6,
        7,
        8,
        9,
        10,
        12,
      ),
    ],
    ask: /\/manifests\//,
    what: /^status$/,
    theirs: /^404$/,
  },
];

export const deviations: readonly Deviation[] = [
  ...manner,
  ...names,
  ...pushes,
  ...reading,
  ...lists,
  ...manifests,
  ...additions,
];
