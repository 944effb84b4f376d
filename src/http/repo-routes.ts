/**
 * `/repo`: the package index as Cosmos of any DC/OS version fetches it, and `/repo/<package>`.
 *
 * Always 200 with one of three exact media types, anonymous, with a length and without redirects:
 * anything else breaks the package catalogue of a whole cluster. Source: cosmos UniverseClient.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Router } from "express";
import type { CosmosIndex } from "../catalog/cosmos-index.ts";
import type { IndexFile } from "../catalog/index-file.ts";
import type { IndexVariant } from "../catalog/index-generation.ts";
import { pageBytes } from "../catalog/index-pages.ts";
import { type Acceptable, parseAccept } from "./accept.ts";
import type { ByteRange } from "./byte-range.ts";
import { MethodNotAllowed } from "./request-error.ts";
import { type Content, sendAtOnce, sendContent } from "./send-content.ts";

type RepoVersion = IndexVariant["repoVersion"];

const repositoryType = "application/vnd.dcos.universe.repo+json";
const newest: RepoVersion = 5;
const versions: ReadonlyMap<string | undefined, RepoVersion> = new Map([
  ["v3", 3],
  ["v4", 4],
  ["v5", 5],
  // Without the parameter the client takes any version.
  [undefined, newest],
]);
/** The names that packages can have; anything else, encoded or not, is no repository. */
const onePackage = /^\/repo\/([a-z][a-z0-9-]*)\/?$/;

/** In a request they make more of it than what clients ask for again and again. */
const conditions = ["range", "if-range", "if-match", "content-length", "transfer-encoding"];
/** Larger ones are sent in pieces, so that slow clients cost little memory. */
const atOnceBytes = 512 * 1024;

/** How a client wants the index. */
interface Wish {
  readonly variant: IndexVariant;
  readonly zipped: boolean;
}

export function repoRoutes(index: CosmosIndex): Router {
  const router = Router({ caseSensitive: true });
  router.get("/repo", (request, response) => sendIndex(index, request, response));
  router.get(onePackage, (request, response) =>
    sendIndex(index, request, response, onePackage.exec(request.path)?.[1]),
  );
  router.all(["/repo", onePackage], () => {
    throw new MethodNotAllowed("GET, HEAD");
  });
  return router;
}

/**
 * Answers a request for `/repo` or `/repo/<package>` in its own turn, when the answer is known and
 * current. All else is left to the routes, and so is what needs more than one write.
 *
 * @returns whether the request is answered
 */
export function answerRepo(
  index: CosmosIndex,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const { method, url = "", headers } = request;
  if (!url.startsWith("/repo") || (method !== "GET" && method !== "HEAD")) return false;
  const name = onePackage.exec(url)?.[1];
  if (name === undefined && url !== "/repo" && url !== "/repo/") return false;
  if (conditions.some((condition) => headers[condition] !== undefined)) return false;
  const wish = wishOf(request, name);
  const file = index.recall(wish.variant);
  const zipped = wish.zipped ? file?.zipped : undefined;
  if (file === undefined || (wish.zipped && zipped === undefined)) return false;
  return sendAtOnce(request, response, contentOf(file, wish.variant, zipped));
}

/**
 * Answers GET and HEAD with the index in the version, for the DC/OS version and in the encoding
 * that the request's headers ask for.
 *
 * @throws the catalogue's error when there is no index at all to give
 */
export async function sendIndex(
  index: CosmosIndex,
  request: IncomingMessage,
  response: ServerResponse,
  packageName?: string,
): Promise<void> {
  const wish = wishOf(request, packageName);
  const file = await index.file(wish.variant);
  const zipped = wish.zipped ? await file.gzip() : undefined;
  await sendContent(request, response, contentOf(file, wish.variant, zipped));
}

function wishOf({ headers }: IncomingMessage, packageName: string | undefined): Wish {
  const { accept, "accept-encoding": encodings, "user-agent": agent } = headers;
  const dcosVersion = /\bdcos\/(\d+(?:\.\d+)*)/.exec(agent ?? "")?.[1];
  return {
    variant: {
      repoVersion: wantedVersion(accept) ?? newest,
      ...(dcosVersion !== undefined && { dcosVersion }),
      ...(packageName !== undefined && { packageName }),
    },
    zipped: parseAccept(String(encodings ?? "")).some(({ name }) => name === "gzip"),
  };
}

/**
 * The best repository version that `Accept` names: by quality, then the highest.
 *
 * @returns `undefined` when none is named, as by curl and browsers
 */
export function wantedVersion(accept: string | undefined): RepoVersion | undefined {
  const acceptable = parseAccept(accept).filter((one) => versionOf(one) !== undefined);
  const best = acceptable.filter(({ quality }) => quality === acceptable[0]?.quality);
  return best.map(versionOf).sort().at(-1);
}

function versionOf({ name, parameters }: Acceptable): RepoVersion | undefined {
  if (name !== repositoryType) return undefined;
  const { charset = "utf-8" } = Object.fromEntries(parameters);
  return charset === "utf-8" ? versions.get(parameters.get("version")) : undefined;
}

/** @param zipped the gzip form of the file, if that is to be sent */
function contentOf(file: IndexFile, { repoVersion }: IndexVariant, zipped?: Buffer): Content {
  const headers = {
    "Content-Type": `${repositoryType};charset=utf-8;version=v${repoVersion}`,
    "Cache-Control": "no-cache",
    Vary: "Accept, Accept-Encoding, User-Agent",
  };
  if (zipped) return gzipContent(file, zipped, headers);
  return {
    size: file.size,
    etag: `"${file.hash}"`,
    headers,
    open: async (range) => asynchronous(file.slice(range?.start, range?.end)),
  };
}

function gzipContent(file: IndexFile, bytes: Buffer, headers: Content["headers"]): Content {
  return {
    size: bytes.length,
    etag: `"${file.hash}-gzip"`,
    headers: { ...headers, "Content-Encoding": "gzip" },
    open: async (range) => asynchronous(piecesOf(bytes, range)),
    ...(bytes.length <= atOnceBytes && { bytes }),
  };
}

function* piecesOf(
  bytes: Buffer,
  { start, end }: ByteRange = { start: 0, end: bytes.length - 1 },
): Generator<Buffer> {
  for (let at = start; at <= end; at += pageBytes) {
    yield bytes.subarray(at, Math.min(at + pageBytes, end + 1));
  }
}

async function* asynchronous(pieces: Iterable<Buffer>): AsyncGenerator<Buffer> {
  yield* pieces;
}
