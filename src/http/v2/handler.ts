/**
 * The distribution API: one function that answers every request below `/v2`.
 *
 * It needs no express: the hot reads come here straight from the listener, everything that enters
 * through express comes here too, so there is one set of handlers.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "pino";
import { parseRepositoryName } from "../../oci/reference.ts";
import type { Registry } from "../../registry/registry.ts";
import { PackageContentProtected } from "../../registry/registry-errors.ts";
import type { Room } from "../../storage/room.ts";
import { announcedLength, hasBody } from "../answer.ts";
import { MethodNotAllowed, NotFound, UrlTooLong } from "../request-error.ts";
import type { UploadSlots } from "../upload-slots.ts";
import type { WriteGuard } from "../write-guard.ts";
import { deleteBlob, getBlob } from "./blobs.ts";
import type { Exchange } from "./exchange.ts";
import { listReferrers, listRepositories, listTags } from "./listings.ts";
import { deleteManifest, getManifest, putManifest } from "./manifests.ts";
import { sendOciError } from "./oci-envelope.ts";
import { RememberedAnswers } from "./remembered-answers.ts";
import { matchV2, type RepositoryRoute } from "./route.ts";
import { appendChunk, cancelUpload, finishUpload, startUpload, uploadStatus } from "./uploads.ts";

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export interface V2Dependencies {
  readonly registry: Registry;
  /** Refuses, by throwing, whoever may not write. */
  readonly guard: WriteGuard;
  readonly slots: UploadSlots;
  /** Asked before content is taken; without it there is always room. */
  readonly room?: Room;
  /** `GET /v2/` and the token endpoint, which know about identity. */
  readonly version: Handler;
  readonly token: Handler;
  readonly log: Logger;
}

/** Repositories that only publishing a package writes to; an underscore is in no package name. */
const publishedOnly = "dcos_packages/";

/** A manifest PUT with its hundred tags takes 13 KiB. */
const largestUrl = 16 * 1024;

type Operation = (exchange: Exchange) => Promise<void>;

export function createV2Handler(dependencies: V2Dependencies): Handler {
  const remembered = new RememberedAnswers(dependencies.registry);
  return async (request, response) => {
    try {
      if (remembered.answer(request, response)) return;
      response.setHeader("Docker-Distribution-Api-Version", "registry/2.0");
      await dispatch(dependencies, request, response);
    } catch (error) {
      await sendOciError(request, response, error, dependencies.log);
    }
  };
}

async function dispatch(
  dependencies: V2Dependencies,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = request.url ?? "/";
  if (url.length > largestUrl) throw new UrlTooLong(largestUrl);
  const mark = url.indexOf("?");
  const route = matchV2(mark < 0 ? url : url.slice(0, mark));
  if (route === undefined) throw new NotFound();
  if (route.kind === "version") return dependencies.version(request, response);
  if (route.kind === "token") return dependencies.token(request, response);
  const { registry } = dependencies;
  if (route.kind === "catalog") {
    if (!isRead(request)) throw new MethodNotAllowed("GET, HEAD");
    return listRepositories({ registry, request, response, query: queryOf(url) });
  }
  const repository = parseRepositoryName(route.name);
  const operation = operationOf(route, request.method ?? "GET");
  const exchange: Exchange = {
    registry,
    request,
    response,
    repository,
    // Pulls have none, and are many.
    get query() {
      return queryOf(url);
    },
  };
  await (isRead(request) ? operation(exchange) : write(dependencies, exchange, operation));
}

/** Whoever may not write, or sends too much at once, is refused before the body is read. */
async function write(
  { guard, slots, room }: V2Dependencies,
  exchange: Exchange,
  operation: Operation,
): Promise<void> {
  const { request, repository } = exchange;
  const { subject } = await guard(request, { repository });
  if (repository.startsWith(publishedOnly)) throw new PackageContentProtected(repository);
  if (request.method !== "DELETE") await room?.require(announcedLength(request));
  const client = `${request.socket.remoteAddress} ${subject}`;
  if (request.method === "POST") slots.check(client);
  const release = hasBody(request) ? slots.take(client) : undefined;
  try {
    await operation(exchange);
  } finally {
    release?.();
  }
}

function queryOf(url: string): URLSearchParams {
  const mark = url.indexOf("?");
  return new URLSearchParams(mark < 0 ? "" : url.slice(mark + 1));
}

function isRead({ method }: IncomingMessage): boolean {
  return method === "GET" || method === "HEAD";
}

function operationOf(route: RepositoryRoute, method: string): Operation {
  const operations = operationsOf(route);
  const operation = operations[method === "HEAD" ? "GET" : method];
  if (operation) return operation;
  const allowed = Object.keys(operations).flatMap((name) =>
    name === "GET" ? [name, "HEAD"] : name,
  );
  throw new MethodNotAllowed(allowed.join(", "));
}

function operationsOf(route: RepositoryRoute): Readonly<Record<string, Operation | undefined>> {
  switch (route.kind) {
    case "blob":
      return {
        GET: (exchange) => getBlob(exchange, route.digest),
        DELETE: (exchange) => deleteBlob(exchange, route.digest),
      };
    case "manifest":
      return {
        GET: (exchange) => getManifest(exchange, route.reference),
        PUT: (exchange) => putManifest(exchange, route.reference),
        DELETE: (exchange) => deleteManifest(exchange, route.reference),
      };
    case "uploads":
      return { POST: startUpload };
    case "upload":
      return {
        GET: (exchange) => uploadStatus(exchange, route.id),
        PATCH: (exchange) => appendChunk(exchange, route.id),
        PUT: (exchange) => finishUpload(exchange, route.id),
        DELETE: (exchange) => cancelUpload(exchange, route.id),
      };
    case "tags":
      return { GET: listTags };
    case "referrers":
      return { GET: (exchange) => listReferrers(exchange, route.digest) };
  }
}
