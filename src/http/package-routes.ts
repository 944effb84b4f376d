/**
 * `/package/add`, `/describe`, `/list` and `/remove`: managing packages in Cosmos' RPC style.
 *
 * Names travel in bodies, not in paths. Adding and removing ask the guard first, before a byte of
 * the body is read; describing and listing are open to everybody, as `/repo` is.
 */
import type { IncomingMessage } from "node:http";
import { type RequestHandler, Router } from "express";
import type { AddedPackage, AddOptions, Catalog } from "../catalog/catalog.ts";
import { PackageNotFound, VersionNotFound } from "../catalog/catalog-error.ts";
import { byNameNewestFirst } from "../catalog/index-generation.ts";
import type { PublishedPackage } from "../catalog/package-record.ts";
import { repositoryEntry, type ServedLocations } from "../catalog/repository-entry.ts";
import { assetUrl, imageReference } from "../catalog/served-names.ts";
import { parseDigest } from "../oci/digest.ts";
import { essence } from "../oci/media-type.ts";
import type { GarbageCollection } from "../registry/collector/garbage-collection.ts";
import type { Room } from "../storage/room.ts";
import { announcedLength } from "./answer.ts";
import { describeError, resultMediaType, sendResult } from "./cosmos-envelope.ts";
import { isJson, optionalFlag, optionalText, readJson, requiredText } from "./json-body.ts";
import { limitedBody } from "./read-limited.ts";
import { MethodNotAllowed, RequestInvalid } from "./request-error.ts";
import { WaitingAnswer } from "./waiting-answer.ts";
import type { WriteGuard } from "./write-guard.ts";

export interface PackageRoutesOptions {
  readonly catalog: Catalog;
  readonly locations: ServedLocations;
  readonly guard: WriteGuard;
  /** Asked before a byte of a package is read; without it there is always room. */
  readonly room?: Room;
  /** Asked to free what is removed for good; without it nobody is. */
  readonly collection?: GarbageCollection;
  /** Bytes of the largest bundle that is taken; 0 for any. */
  readonly bundleLimit: number;
  /** How long an addition may be silent before the answer begins; 25 s by default. */
  readonly patienceMs?: number;
}

const bundleTypes: ReadonlySet<string> = new Set(["application/octet-stream", "application/x-tar"]);

export function packageRoutes(options: PackageRoutesOptions): Router {
  const { catalog, locations } = options;
  const router = Router({ caseSensitive: true });
  router.post("/package/add", addPackage(options));
  router.post("/package/describe", describePackage(catalog, locations));
  router.post("/package/list", listPackages(catalog));
  router.post("/package/remove", removePackage(options));
  router.all(
    ["add", "describe", "list", "remove"].map((name) => `/package/${name}`),
    () => {
      throw new MethodNotAllowed("POST");
    },
  );
  return router;
}

function addPackage({
  catalog,
  guard,
  room,
  bundleLimit,
  patienceMs,
}: PackageRoutesOptions): RequestHandler {
  return async (request, response) => {
    await guard(request, {});
    await room?.require(announcedLength(request));
    const leaving = new AbortController();
    const leave = () => leaving.abort(new Error("the client closed the connection"));
    response.once("close", leave);
    const type = resultMediaType(request, "add-response");
    const waiting = new WaitingAnswer(request, response, type, patienceMs);
    try {
      const added = await receivePackage(catalog, request, bundleLimit, leaving.signal);
      const result = { packages: [{ ...summaryOf(added), created: added.created }] };
      if (waiting.begun) waiting.finish(result);
      else await sendResult(request, response, "add-response", result);
    } catch (error) {
      if (waiting.begun) waiting.finish(describeError(error));
      throw error;
    } finally {
      waiting.stop();
      response.off("close", leave);
    }
  };
}

/** A bundle as the body, or the root of what was pushed before. */
async function receivePackage(
  catalog: Catalog,
  request: IncomingMessage,
  limit: number,
  signal: AbortSignal,
): Promise<AddedPackage> {
  const { "content-type": type = "", "content-encoding": encoding } = request.headers;
  if (encoding !== undefined && encoding !== "identity") {
    throw new RequestInvalid("Content-Encoding", "the bundle is sent as it is");
  }
  const options = addOptionsOf(request);
  if (isJson(type)) {
    return catalog.publish(parseDigest(requiredText(await readJson(request), "root")), options);
  }
  if (!bundleTypes.has(essence(type))) {
    throw new RequestInvalid("Content-Type", `${[...bundleTypes].join(", ")} or application/json`);
  }
  return catalog.ingest(limitedBody(request, limit), signal, options);
}

/** `?releaseVersion=N`, with which `restore` gives a package the place that it had. */
function addOptionsOf({ url = "" }: IncomingMessage): AddOptions {
  const name = "releaseVersion";
  const values = new URLSearchParams(url.split("?")[1]).getAll(name);
  const [text] = values;
  if (text === undefined) return {};
  if (values.length === 1 && /^[1-9][0-9]{0,14}$/.test(text)) return { [name]: Number(text) };
  throw new RequestInvalid(name, "must be a positive whole number");
}

function describePackage(catalog: Catalog, locations: ServedLocations): RequestHandler {
  return async (request, response) => {
    const fields = await readJson(request);
    const name = requiredText(fields, "packageName");
    const found = await findPackage(catalog, name, optionalText(fields, "packageVersion"));
    const { assets, images } = found.record;
    await sendResult(request, response, "describe-response", {
      ...summaryOf(found),
      package: repositoryEntry(found, locations),
      images: images.map((image) => ({
        reference: image.reference,
        image: imageReference(locations.imageHost, image),
        digest: image.descriptor.digest,
      })),
      assets: assets.map(({ path, digest, size }) => ({
        url: assetUrl(locations.publicUrl, path),
        digest,
        size,
      })),
    });
  };
}

/** Without a version: the one added last. */
async function findPackage(
  catalog: Catalog,
  name: string,
  version: string | undefined,
): Promise<PublishedPackage> {
  const { packages } = await catalog.snapshot();
  const [found] = packages
    .filter(({ record }) => record.definition.name === name)
    .filter(({ record }) => version === undefined || record.definition.version === version)
    .sort(byNameNewestFirst);
  if (found) return found;
  throw version === undefined ? new PackageNotFound(name) : new VersionNotFound(name, version);
}

function listPackages(catalog: Catalog): RequestHandler {
  return async (request, response) => {
    await readJson(request);
    const { packages } = await catalog.snapshot();
    const sorted = [...packages].sort(byNameNewestFirst).map(summaryOf);
    await sendResult(request, response, "list-response", { packages: sorted });
  };
}

function removePackage({ catalog, guard, collection }: PackageRoutesOptions): RequestHandler {
  return async (request, response) => {
    await guard(request, {});
    const fields = await readJson(request);
    const packageName = requiredText(fields, "packageName");
    const packageVersion = requiredText(fields, "packageVersion");
    const now = optionalFlag(fields, "now") ?? false;
    const removed = await catalog.remove(packageName, packageVersion, { now });
    const { name, version } = removed.record.definition;
    const reclaim = now && collection && (await reclaimSoon(collection));
    const result = { packages: [{ name, version }], ...(reclaim && { reclaim }) };
    await sendResult(request, response, "remove-response", result);
  };
}

/** @returns by when the bytes are free; never sooner, for those who were told they are here */
async function reclaimSoon(collection: GarbageCollection): Promise<object> {
  collection.request();
  const { state, reason, delayMs } = await collection.status();
  if (state === "off") return { collected: false, reason };
  if (delayMs === undefined) return { collected: true };
  return { collected: true, freedBy: new Date(Date.now() + delayMs).toISOString() };
}

function summaryOf({ record, releaseVersion }: PublishedPackage) {
  const { name, version } = record.definition;
  return { name, version, releaseVersion, root: record.root, status: "Added" };
}
