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
  /** Title of the script. */
  readonly script?: RegExp;
  readonly ask?: RegExp;
  /** `status`, `body` or a header. */
  readonly what?: RegExp;
  readonly ours?: RegExp;
  readonly theirs?: RegExp;
}

export function explains(deviation: Deviation, difference: Difference): boolean {
  return (["script", "ask", "what", "ours", "theirs"] as const).every(
    (field) => deviation[field]?.test(difference[field]) ?? true,
  );
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
    script: /304/,
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
    script: /refuses a repository name/,
    what: /^status$/,
    ours: /^400$/,
    theirs: /^404$/,
  },
  {
    name: "takes upper case for a POST",
    reason: "a host name in front of the name is allowed by its grammar, and may have upper case",
    script: /upper case/,
    ask: /^POST /,
    what: /^status$/,
    theirs: /^202$/,
  },
  {
    name: "500 for names that are too long",
    reason: "its storage fails on them",
    script: /more than 255 characters|longer than any/,
    what: /^status$/,
    theirs: /^500$/,
  },
  {
    name: "no limit on URLs",
    reason: "parameters of any length are read",
    script: /longer than any/,
    ask: /^GET \/v2\/$/,
    what: /^status$/,
    theirs: /^200$/,
  },
  {
    name: "404 where a path has no such method",
    reason: "uploads and referrers have no route for them",
    script: /answers 405/,
    what: /^status$/,
    theirs: /^404$/,
  },
  {
    name: "404 for a blob that is no digest",
    reason: "a digest without a colon has no route",
    script: /400 for what is no digest/,
    what: /^status$/,
    theirs: /^404$/,
  },
];

const pushes: readonly Deviation[] = [
  {
    name: "no monolithic POST",
    reason: "starts a session instead, which the specification allows",
    ask: /^(?:POST \/v2\/\{name\}\/blobs\/uploads\/|GET \{location\})$/,
    script: /in the POST itself|every form of push|cannot hash with/,
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
    script: /out of order|does not start at 0|starts late|Content-Range/,
    ask: /^(?:PATCH|PUT) /,
    what: /^status$/,
    ours: /^4(?:16|00)$/,
    theirs: /^20[12]$|^400$/,
  },
  {
    name: "what follows a chunk that should have been refused",
    reason: "the bytes are in the session, or it has ended",
    script: /out of order|does not start at 0|starts late|Content-Range|fewer or more bytes/,
    ask: /^(?:PATCH|PUT|GET) \{location\}$/,
    what: /^(?:status|range)$/,
    theirs: /^(?:20[01]|40[045]|0-\d+)$/,
  },
  {
    name: "a wrong digest ends the session",
    reason: "ours keeps it, as the specification lets the client go on",
    script: /wrong digest|malformed or unsupported digest/,
    ask: /\{location\}/,
    what: /^status$/,
    theirs: /^404$/,
  },
  {
    name: "one code for unknown uploads and invalid ids",
    reason: "an id that it cannot verify is BLOB_UPLOAD_INVALID, with the same status",
    script: /knows no session/,
    what: /^body$/,
    ours: /^BLOB_UPLOAD_UNKNOWN$/,
    theirs: /^BLOB_UPLOAD_INVALID$/,
  },
  {
    name: "mounts only with from",
    reason: "starts an upload where ours finds the blob by itself",
    script: /without being told where from/,
    what: /^status$/,
  },
];

const reading: readonly Deviation[] = [
  {
    name: "416 and 412 cut off",
    reason: "they carry the length and digest of the blob, and no or a plain body",
    script: /range|412/,
    what: /^(?:content-length|content-type|body|docker-content-digest|etag|content-range|cache-control|accept-ranges)$/,
    theirs:
      /^(?:wrong|no envelope|max-age=31536000|"?sha256:[0-9a-f]{64}"?|\(none\)|application\/octet-stream|text\/plain.*)$/,
  },
  {
    name: "the last no bytes are some",
    reason: "answers bytes=-0 with 206 and nothing in it",
    script: /bytes=-0/,
    what: /^status$/,
    theirs: /^206$/,
  },
  {
    name: "other units are refused",
    reason: "ours sends everything, as RFC 9110 says for units that a server does not know",
    script: /another unit/,
    what: /^status$/,
    theirs: /^416$/,
  },
  {
    name: "boundaries",
    reason: "random in both",
    script: /multipart/,
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
    script: /n that is no number/,
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
    script: /not null|deletes an? |takes every tag/,
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
    script: /sparse|not here|fallback tag|explains what it cannot give|leaves an index/,
    ask: /\/manifests\/|\/tags\/list/,
    what: /^status$/,
    theirs: /^40[04]$/,
  },
  {
    name: "500 for a non-distributable layer that is not here",
    reason: "and nothing of that manifest afterwards",
    script: /non-distributable/,
    what: /^status$/,
    theirs: /^(?:500|404)$/,
  },
  {
    name: "manifests of 4 MiB are too large",
    reason: "its limit is 4 MiB in all, refused with 400",
    script: /4 MiB|above the limit/,
    what: /^status$/,
    theirs: /^40[04]$/,
  },
  {
    name: "other codes for manifests that are none",
    reason: "500 without schemaVersion and for a malformed digest; a negative size is taken",
    script: /^refuses a manifest/,
    what: /^(?:status|body)$/,
    theirs: /^(?:500|20[01]|400|404|[A-Z_, ]+)$/,
  },
  {
    name: "400 for content that was never pushed",
    reason: "the specification names the code, ours answers 404 with it",
    script: /never pushed|misses neither/,
    what: /^status$/,
    ours: /^404$/,
    theirs: /^400$/,
  },
  {
    name: "a deleted blob is gone until it is pushed",
    reason: "ours shows it again for a manifest that references it, as its bytes are still here",
    script: /once it is referenced by a manifest/,
    what: /^status$/,
    theirs: /^40[04]$/,
  },
  {
    name: "malformed digests are taken for tags",
    reason: "500 for GET; no route for what is neither",
    script: /malformed reference/,
    what: /^(?:status|body)$/,
  },
  {
    name: "no deleting of tags",
    reason: "UNSUPPORTED for a tag, which then stays",
    script: /tag|last/,
    ask: /^(?:DELETE|GET) /,
    what: /^status$/,
    theirs: /^(?:400|200)$/,
  },
];

const additions: readonly Deviation[] = [
  {
    name: "no conditions on writes",
    reason: "If-Match and If-None-Match of a PUT are ignored, so what follows has moved",
    script: /If-None-Match|If-Match|conditions on a PUT/,
    what: /^(?:status|body|docker-content-digest|etag)$/,
  },
  {
    name: "no tag parameter",
    reason: "of the coming version",
    script: /tag parameter|hundred tags|several tags/,
    what: /^(?:status|oci-tag|body)$/,
  },
  {
    name: "no sha512 for manifests",
    reason: "refuses them",
    script: /sha512/,
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
    script: /Mesos|linux\/amd64|in whatever form/,
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
