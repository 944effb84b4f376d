/**
 * What `/repo` and `/repo/<package>` answer, as Cosmos of any DC/OS version fetches them.
 *
 * Always 200 with one of three exact media types, anonymous, with a length and without redirects:
 * anything else breaks the package catalogue of a whole cluster. Source: cosmos UniverseClient.
 *
 * Needs no express: agents and Cosmos ask for it again and again, and right after the start.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { CosmosIndex } from "../catalog/cosmos-index.ts";
import type { IndexFile } from "../catalog/index-file.ts";
import type { IndexVariant } from "../catalog/index-generation.ts";
import { pageBytes } from "../catalog/index-pages.ts";
import { type Acceptable, parseAccept } from "./accept.ts";
import type { ByteRange } from "./byte-range.ts";
import { answerError, type ReportError } from "./cosmos-envelope.ts";
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
export const onePackage = /^\/repo\/([a-z][a-z0-9-]*)\/?$/;

/** In a request they make more of it than what clients ask for again and again. */
const conditions = ["range", "if-range", "if-match", "content-length", "transfer-encoding"];
/** Larger ones are sent in pieces, so that slow clients cost little memory. */
const atOnceBytes = 512 * 1024;

/** How a client wants the index. */
interface Wish {
  readonly variant: IndexVariant;
  readonly zipped: boolean;
}

/**
 * Answers what asks for the index and nothing more, without the routes: in its own turn when the answer
 * is known and current and fits in one write.
 *
 * @param next takes all else
 */
export function answerIndexFirst(
  next: RequestListener,
  index: CosmosIndex,
  report: ReportError,
): RequestListener {
  const fail = answerError(report);
  return (request, response) => {
    if (!isPlain(request)) {
      next(request, response);
      return;
    }
    const wish = wishOf(request, packageOf(request.url));
    if (answerAtOnce(index, wish, request, response)) return;
    answerWith(index, wish, request, response).catch((error) => fail(error, request, response));
  };
}

/** Without parameters and conditions, which the routes know. */
function isPlain({ method, url = "", headers }: IncomingMessage): boolean {
  if (!url.startsWith("/repo") || (method !== "GET" && method !== "HEAD")) return false;
  if (url !== "/repo" && url !== "/repo/" && packageOf(url) === undefined) return false;
  return conditions.every((condition) => headers[condition] === undefined);
}

/** @param path without parameters */
export function packageOf(path = ""): string | undefined {
  return onePackage.exec(path)?.[1];
}

/** @returns whether it is answered */
function answerAtOnce(
  index: CosmosIndex,
  { variant, zipped: wanted }: Wish,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  const file = index.recall(variant);
  const zipped = wanted ? file?.zipped : undefined;
  if (file === undefined || (wanted && zipped === undefined)) return false;
  return sendAtOnce(request, response, contentOf(file, variant, zipped));
}

/**
 * Answers GET and HEAD with the index in the version, for the DC/OS version and in the encoding
 * that the request's headers ask for.
 *
 * @throws the catalogue's error when there is no index at all to give
 */
export function sendIndex(
  index: CosmosIndex,
  request: IncomingMessage,
  response: ServerResponse,
  packageName?: string,
): Promise<void> {
  return answerWith(index, wishOf(request, packageName), request, response);
}

async function answerWith(
  index: CosmosIndex,
  { variant, zipped: wanted }: Wish,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const file = await index.file(variant);
  const zipped = wanted ? await file.gzip() : undefined;
  await sendContent(request, response, contentOf(file, variant, zipped));
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
