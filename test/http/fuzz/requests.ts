/**
 * One request out of a seed and its number: over every route and method, malformed or nearly valid.
 *
 * All are legal as HTTP, so each gets an answer of its own on a connection with others behind it;
 * what is broken below that stands in `raw-shapes.ts`.
 */
import { type Random, random as seeded } from "../../random.ts";
import { digestOf } from "../v2/content.ts";
import { noise, oddForm, oddJson, oddTar } from "./bodies.ts";
import type { WireRequest } from "./wire.ts";
import * as words from "./words.ts";
import type { World } from "./world.ts";

type Header = readonly [name: string, value: string];

/** What a kind of request begins with, before anything is broken. */
interface Draft {
  method: string;
  /** Percent-coded where it has to be. */
  path: string;
  query: Header[];
  headers: Header[];
  body?: Buffer;
}

type Kind = (random: Random, world: World) => Draft;

/** The same for the same seed and number, but for the upload session that it may continue. */
export function fuzzRequest(seed: number, number: number, world: World): WireRequest {
  const random = seeded(Math.imul(seed, 1_000_003) + number);
  const draft = random.pick(weighted)(random, world);
  for (let count = random.pick([0, 0, 1, 1, 1, 2]); count > 0; count -= 1) {
    random.pick(breakages)(draft, random);
  }
  const { method, query, headers, body } = draft;
  const path = guarded(method, draft.path);
  const search = query.map(([name, value]) => `${name}=${value}`).join("&");
  const authorized = random.integer(0, 11) > 0 ? world.usual : world.usual.slice(0, 1);
  const streamed = body !== undefined && random.integer(0, 9) === 0;
  return {
    method,
    target: printable(search ? `${path}?${search}` : path),
    headers: merged(authorized, headers),
    ...(body !== undefined && { body }),
    ...(streamed && { chunkBytes: random.pick([1 + body.byteLength, 997, 64 * 1024]) }),
  };
}

/** Later ones win: two of a kind are a matter of `raw-shapes.ts`. */
function merged(usual: readonly Header[], own: readonly Header[]): Header[] {
  const names = new Set(own.map(([name]) => name.toLowerCase()));
  return [...usual.filter(([name]) => !names.has(name.toLowerCase())), ...own];
}

function printable(target: string): string {
  return target.replace(
    /[^\x21-\x7e]/g,
    (text) => `%${text.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

function get(path: string, query: Header[] = [], headers: Header[] = []): Draft {
  return { method: "GET", path, query, headers };
}

const nameOf = (random: Random, { repositories }: World): string =>
  random.pick([...repositories, ...repositories, "kept/image", "library/none", "fuzz"]);

const ownName = (random: Random, { repositories }: World): string => random.pick(repositories);

const digest = (random: Random, known: readonly string[]): string =>
  random.integer(0, 2) > 0 ? random.pick(known) : words.oddDigest(random);

const reference = (random: Random, world: World): string =>
  random.pick([
    ...world.tags,
    ...world.manifests,
    random.pick(words.segments),
    words.oddDigest(random),
  ]);

const session = (random: Random, world: World): string => {
  const path = world.sessions.length ? random.pick(world.sessions) : "/v2/fuzz/a/blobs/uploads/x";
  if (random.integer(0, 3) > 0) return path;
  const at = path.lastIndexOf("/") + 1;
  const id = path.slice(at);
  const cut = random.integer(0, id.length);
  const other = `${id.slice(0, cut)}${random.pick(["0", "-", "", random.pick(words.segments)])}`;
  return path.slice(0, at) + other + id.slice(cut + 1);
};

const kinds = {
  version: (random) => get(random.pick(["/v2/", "/v2", "/v2//", "/v2/?x"])),
  tokenByHeader: (random) =>
    get("/v2/token", [
      [
        "scope",
        random.pick([
          "repository:fuzz/a:pull,push",
          "repository:*:*",
          "registry:catalog:*",
          "::",
          "x",
        ]),
      ],
      ["service", random.pick(["dcos-registry", ...words.segments])],
      ["account", random.pick(words.segments)],
    ]),
  tokenByForm: (random) => ({
    ...get("/v2/token", [], [["Content-Type", "application/x-www-form-urlencoded"]]),
    method: "POST",
    body: oddForm(random),
  }),
  catalog: (random) => get("/v2/_catalog", pages(random)),
  tags: (random, world) => get(`/v2/${nameOf(random, world)}/tags/list`, pages(random)),
  referrers: (random, world) =>
    get(`/v2/${nameOf(random, world)}/referrers/${digest(random, world.manifests)}`, [
      ...pages(random),
      ["artifactType", random.pick(["a/b", "%00", ...words.segments])],
    ]),
  getManifest: (random, world) =>
    get(
      `/v2/${nameOf(random, world)}/manifests/${reference(random, world)}`,
      [],
      [...sameTag(random, world.manifests), ...reading(random)],
    ),
  getBlob: (random, world) =>
    get(
      `/v2/${nameOf(random, world)}/blobs/${digest(random, world.blobs)}`,
      [],
      [...sameTag(random, world.blobs), ...reading(random)],
    ),
  deleteManifest: (random, world) => ({
    ...get(`/v2/${ownName(random, world)}/manifests/${reference(random, world)}`),
    method: "DELETE",
  }),
  deleteBlob: (random, world) => ({
    ...get(`/v2/${ownName(random, world)}/blobs/${digest(random, world.blobs)}`),
    method: "DELETE",
  }),
  putManifest,
  startUpload,
  append: (random, world) => ({
    ...get(session(random, world)),
    method: "PATCH",
    headers: random.integer(0, 1) ? [["Content-Range", random.pick(words.contentRanges)]] : [],
    body: noise(random),
  }),
  finishUpload: (random, world) => {
    const body = noise(random, 40);
    const right = random.integer(0, 2) === 0;
    const query: Header[] = [["digest", right ? digestOf(body) : digest(random, world.blobs)]];
    return { ...get(session(random, world), query), method: "PUT", body };
  },
  uploadStatus: (random, world) => get(session(random, world)),
  cancelUpload: (random, world) => ({ ...get(session(random, world)), method: "DELETE" }),
  unknownBelowV2: (random) =>
    get(`/v2/${[1, 2, 3].map(() => random.pick(words.segments)).join("/")}`),
  repository: (random) =>
    get("/repo", [], [["Accept", random.pick(words.accepts)], ...reading(random)]),
  onePackage: (random) =>
    get(`/repo/${random.pick(["kept", "fuzzed", "none", ...words.segments])}`, [], reading(random)),
  resource: (random, world) =>
    get(`/resources/${resourcePath(random, world)}`, [], reading(random)),
  addBundle: (random, world) => ({
    ...get(
      "/package/add",
      [],
      [["Content-Type", random.pick(["application/x-tar", "application/octet-stream"])]],
    ),
    method: "POST",
    body: random.integer(0, 19) === 0 ? world.bundle : oddTar(random, world.bundle),
  }),
  addRoot: (random, world) =>
    rpc(
      "/package/add",
      oddJson(random, { root: digest(random, [world.root, ...world.manifests]) }),
    ),
  describe: (random) =>
    rpc(
      "/package/describe",
      oddJson(random, { packageName: packageName(random), packageVersion: "1.0" }),
    ),
  list: (random) => rpc("/package/list", oddJson(random, {})),
  remove: (random) =>
    rpc(
      "/package/remove",
      oddJson(random, { packageName: packageName(random), packageVersion: "1.0" }),
    ),
  garbage: () => get("/gc"),
  // Seldom a right one: each is a whole cycle.
  collect: (random) => {
    const right = random.integer(0, 49) === 0;
    return rpc("/gc", right ? Buffer.from('{"dryRun":true}') : oddJson(random, { dryRun: "x" }));
  },
  health: () => get("/health"),
  root: (random) => get("/", [], [["Accept", random.pick(words.accepts)]]),
  unknown: (random) => get(`/${[1, 2].map(() => random.pick(words.segments)).join("/")}`),
} satisfies Readonly<Record<string, Kind>>;

/** What writes to the disk or takes a whole bundle costs most, and comes less often. */
const weights: Readonly<Partial<Record<keyof typeof kinds, number>>> = {
  addBundle: 1,
  deleteManifest: 1,
  deleteBlob: 1,
  startUpload: 2,
  append: 2,
  finishUpload: 2,
  version: 1,
  garbage: 1,
  collect: 1,
  health: 1,
};

const weighted: readonly Kind[] = Object.entries(kinds).flatMap(([name, kind]) =>
  Array.from({ length: weights[name as keyof typeof kinds] ?? 3 }, () => kind as Kind),
);

function pages(random: Random): Header[] {
  return [
    ["n", random.pick(words.numbers)],
    ["last", random.pick(words.segments)],
  ];
}

/** A condition that may hold. */
function sameTag(random: Random, known: readonly string[]): Header[] {
  return random.integer(0, 3) ? [] : [["If-None-Match", `"${random.pick(known)}"`]];
}

function reading(random: Random): Header[] {
  const headers: Header[] = [
    ["Range", random.pick(words.ranges)],
    ["If-None-Match", random.pick(words.conditions)],
    ["If-Match", random.pick(words.conditions)],
    ["Accept", random.pick(words.accepts)],
  ];
  return headers.filter(() => random.integer(0, 3) === 0);
}

function putManifest(random: Random, world: World): Draft {
  const { type, bytes } = random.pick([world.image, world.index]);
  const kept = random.integer(0, 3) === 0;
  const body = kept ? bytes : oddJson(random, JSON.parse(bytes.toString()) as object);
  const target = random.integer(0, 3) === 0 ? digestOf(body) : reference(random, world);
  const tags: Header[] = ["a", "b", random.pick(words.segments)].map((tag) => ["tag", tag]);
  return {
    method: "PUT",
    path: `/v2/${ownName(random, world)}/manifests/${target}`,
    query: random.integer(0, 3) === 0 ? tags : [],
    headers: [["Content-Type", random.integer(0, 4) ? type : random.pick(words.contentTypes)]],
    body,
  };
}

function startUpload(random: Random, world: World): Draft {
  const body = random.integer(0, 2) === 0 ? noise(random) : undefined;
  const parameters: Header[] = [
    ["digest", body && random.integer(0, 1) ? digestOf(body) : digest(random, world.blobs)],
    ["mount", digest(random, world.blobs)],
    ["from", random.pick([...world.repositories, ...words.segments])],
    ["digest-algorithm", random.pick(["sha256", "sha512", "md5", ...words.segments])],
  ];
  return {
    method: "POST",
    path: `/v2/${ownName(random, world)}/blobs/uploads${random.pick(["/", ""])}`,
    query: parameters.filter(() => random.integer(0, 2) === 0),
    headers: [],
    ...(body && { body }),
  };
}

function resourcePath(random: Random, { asset }: World): string {
  const [hash = "", name = ""] = asset.split("/");
  return random.pick([
    asset,
    asset,
    `${hash}/${random.pick(words.segments)}`,
    `${random.pick(words.segments)}/${name}`,
    `${hash}/${name}/${random.pick(words.segments)}`,
    `${hash}/../${asset}`,
    `${hash.toUpperCase()}/${name}`,
    random.pick(words.segments),
  ]);
}

/** Never the kept one. */
function packageName(random: Random): string {
  return random.pick([
    "fuzzed",
    "none",
    "..",
    "__proto__",
    "constructor",
    "a".repeat(5000),
    "\u0000",
  ]);
}

function rpc(path: string, body: Buffer): Draft {
  return {
    ...get(path, [], [["Content-Type", "application/json"]]),
    method: "POST",
    body,
  };
}

const methods = [
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "TRACE",
  "PROPFIND",
  "PURGE",
  "M-SEARCH",
];

const breakages: readonly ((draft: Draft, random: Random) => void)[] = [
  (draft, random) => {
    draft.method = random.pick(methods);
  },
  (draft, random) => {
    const parts = draft.path.split("/");
    parts[random.integer(1, parts.length - 1)] = random.pick(words.segments);
    draft.path = parts.join("/");
  },
  (draft, random) => {
    const parts = draft.path.split("/");
    parts.splice(random.integer(1, parts.length), 0, random.pick(words.segments));
    draft.path = parts.join("/");
  },
  (draft, random) => {
    draft.query.push([
      random.pick(["n", "last", "ns", "digest", "tag", "x"]),
      random.pick(words.segments),
    ]);
  },
  (draft, random) => {
    draft.headers.push(random.pick(words.strangeHeaders));
  },
  (draft, random) => {
    draft.headers.push(random.pick(drawHeaders)(random));
  },
  (draft, random) => {
    draft.headers.push(random.pick(drawHeaders)(random));
  },
  (draft, random) => {
    draft.body = noise(random);
  },
];

/** A write that is allowed must not hit what is kept. */
function guarded(method: string, path: string): string {
  return method === "GET" || method === "HEAD" ? path : path.replace("kept/image", "fuzz/a");
}

const drawHeaders: readonly ((random: Random) => Header)[] = [
  (random) => ["Range", random.pick(words.ranges)],
  (random) => ["Content-Range", random.pick(words.contentRanges)],
  (random) => ["If-Match", random.pick(words.conditions)],
  (random) => ["If-None-Match", random.pick(words.conditions)],
  (random) => ["Accept", random.pick(words.accepts)],
  (random) => ["Content-Type", random.pick(words.contentTypes)],
  (random) => ["Authorization", random.pick(words.authorizations)],
  (random) => ["Host", random.pick(words.hosts)],
];
