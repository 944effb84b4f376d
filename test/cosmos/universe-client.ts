/** Fetches one repository as Cosmos 0.6.3 does, refusing what it refuses, in its words. */
import { setTimeout } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { acceptedVersion } from "../../src/cosmos/accepted-version.ts";
import {
  type ClientProfile,
  repositoryHeaders,
  repositoryMediaType,
} from "../../src/cosmos/client-profile.ts";
import { checkDecoding, isObject, type Json } from "../../src/cosmos/decoding-rules.ts";
import { formatViolation, Violations } from "../../src/cosmos/violation.ts";
import { CosmosFailure, failure } from "./cosmos-failure.ts";
import {
  type JavaAnswer,
  javaFetch,
  type Network,
  readAll,
  TooManyRedirects,
  UnsupportedRedirect,
} from "./java-fetch.ts";

export interface RepositoryAddress {
  readonly name: string;
  readonly uri: string;
}

export interface UniverseClientOptions {
  readonly profile: ClientProfile;
  readonly network: Network;
  /** Cosmos: 3. */
  readonly retries: number;
  /** Cosmos: 5000. */
  readonly retryDelayMs: number;
  /** In place of a pause of that length. */
  readonly pause?: (() => Promise<void>) | undefined;
}

/** @throws {CosmosFailure} */
export async function readRepository(
  repository: RepositoryAddress,
  options: UniverseClientOptions,
): Promise<Json[]> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await readOnce(repository, options);
    } catch (error) {
      if (attempt >= options.retries || !mayPass(error)) throw error;
      await (options.pause?.() ?? setTimeout(options.retryDelayMs));
    }
  }
}

function mayPass(error: unknown): boolean {
  if (!(error instanceof CosmosFailure)) return false;
  if (error.type === "RepositoryUriConnection") return true;
  const upstream = isObject(error.data) ? Number(error.data["status"]) : 0;
  return error.type === "UniverseClientHttpError" && upstream >= 500;
}

async function readOnce(
  repository: RepositoryAddress,
  { profile, network }: UniverseClientOptions,
): Promise<Json[]> {
  const { name, uri } = repository;
  const { answer, bytes } = await receive(repository, profile, network);
  if (answer.status !== 200) throw failure.universeClientHttpError(name, uri, answer.status);
  const type = answer.headers["content-type"];
  if (type === undefined) {
    throw new CosmosFailure("unhandled_exception", "no Content-Type", null, 500);
  }
  if (acceptedVersion(type, profile.reads) === undefined) {
    const accept = profile.reads.filter((version) => version !== "v5").map(repositoryMediaType);
    throw failure.unsupportedContentType(type, accept.join(", "));
  }
  return decode(bytes, profile);
}

async function receive(
  { name, uri }: RepositoryAddress,
  profile: ClientProfile,
  network: Network,
): Promise<{ answer: JavaAnswer; bytes: Buffer }> {
  try {
    const headers = (host: string) => repositoryHeaders(profile, host);
    const answer = await javaFetch(new URL(uri), headers, network);
    const bytes = await readAll(answer.body);
    const encoding = answer.headers["content-encoding"];
    if (encoding === undefined) return { answer, bytes };
    if (encoding !== "gzip") throw failure.unsupportedContentEncoding(encoding);
    return { answer, bytes: gunzipSync(bytes) };
  } catch (error) {
    if (error instanceof CosmosFailure) throw error;
    if (error instanceof UnsupportedRedirect) throw failure.unsupportedRedirect(error.message);
    const cause = error instanceof TooManyRedirects ? error.message : error;
    throw failure.repositoryUriConnection(name, uri, cause);
  }
}

function decode(bytes: Buffer, profile: ClientProfile): Json[] {
  // Always as UTF-8, whatever the charset parameter says; bad bytes become replacement characters.
  const text = bytes.toString("utf8");
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw failure.jsonParsing(text, cause);
  }
  const violations = new Violations();
  const { packagingVersions } = profile;
  const packages = checkDecoding(json, { own: false, packagingVersions }, violations);
  const [first] = violations.found;
  if (first) throw failure.jsonDecoding(formatViolation(first));
  return packages;
}
