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
import { type Acceptable, parseAccept } from "./accept.ts";
import { MethodNotAllowed } from "./request-error.ts";
import { type Content, sendContent } from "./send-content.ts";

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
  const { accept, "accept-encoding": encodings, "user-agent": agent } = request.headers;
  const repoVersion = wantedVersion(accept) ?? newest;
  const dcosVersion = /\bdcos\/(\d+(?:\.\d+)*)/.exec(agent ?? "")?.[1];
  const file = await index.file({
    repoVersion,
    ...(dcosVersion !== undefined && { dcosVersion }),
    ...(packageName !== undefined && { packageName }),
  });
  const headers = {
    "Content-Type": `${repositoryType};charset=utf-8;version=v${repoVersion}`,
    "Cache-Control": "no-cache",
    Vary: "Accept, Accept-Encoding, User-Agent",
  };
  const zipped = parseAccept(String(encodings ?? "")).some(({ name }) => name === "gzip");
  const content = zipped ? await gzipContent(file, headers) : plainContent(file, headers);
  await sendContent(request, response, content);
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

function plainContent(file: IndexFile, headers: Record<string, string>): Content {
  return {
    size: file.size,
    etag: `"${file.hash}"`,
    headers,
    open: async (range) => asynchronous(file.slice(range?.start, range?.end)),
  };
}

async function gzipContent(file: IndexFile, headers: Record<string, string>): Promise<Content> {
  const bytes = await file.gzip();
  return {
    size: bytes.length,
    etag: `"${file.hash}-gzip"`,
    headers: { ...headers, "Content-Encoding": "gzip" },
    open: async (range) =>
      asynchronous([range ? bytes.subarray(range.start, range.end + 1) : bytes]),
  };
}

async function* asynchronous(pieces: Iterable<Buffer>): AsyncGenerator<Buffer> {
  yield* pieces;
}
