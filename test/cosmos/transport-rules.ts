/** Rules T2 to T8: whether the bytes of a repository reach Cosmos at all. */
import { gunzipSync } from "node:zlib";
import { acceptedVersion } from "../../src/cosmos/accepted-version.ts";
import {
  type ClientProfile,
  type RepoVersion,
  repositoryHeaders,
  repositoryMediaType,
} from "../../src/cosmos/client-profile.ts";
import type { Violations } from "../../src/cosmos/violation.ts";
import {
  type JavaAnswer,
  javaFetch,
  type Network,
  readAll,
  TooManyRedirects,
  UnsupportedRedirect,
} from "./java-fetch.ts";
import { duplicateKeys } from "./json-text.ts";

export interface FetchedRepository {
  /** Decoded from gzip. */
  readonly text: string;
  readonly json: unknown;
  readonly version: RepoVersion;
}

const answerWithinMs = 2000;

/** @returns `undefined` when there is nothing that later rules could look at */
export async function fetchRepository(
  url: URL,
  profile: ClientProfile,
  network: Network,
  violations: Violations,
): Promise<FetchedRepository | undefined> {
  const started = performance.now();
  const received = await receive(url, profile, network, violations);
  if (received === undefined) return undefined;
  const took = performance.now() - started;
  violations.expect(took <= answerWithinMs, "T7", `took ${Math.round(took)} ms`);
  const { answer, bytes } = received;
  violations.expect(answer.status === 200, "T3", `status ${answer.status}`);
  if (answer.status !== 200) return undefined;

  const plain = decode(answer, bytes, violations);
  const version = contentVersion(answer.headers["content-type"], profile, violations);
  if (plain === undefined || version === undefined) return undefined;
  const text = parseText(plain, violations);
  return text && { ...text, version };
}

async function receive(
  url: URL,
  profile: ClientProfile,
  network: Network,
  violations: Violations,
): Promise<{ answer: JavaAnswer; bytes: Buffer } | undefined> {
  try {
    const answer = await javaFetch(url, (host) => repositoryHeaders(profile, host), network);
    violations.expect(answer.hops === 0, "T2", `redirected to ${answer.url}`);
    return { answer, bytes: await readAll(answer.body) };
  } catch (error) {
    violations.add(ruleOf(error), String(error));
    return undefined;
  }
}

/** Errors of certificates have codes of OpenSSL or of Node's name check. */
function ruleOf(error: unknown): string {
  if (error instanceof UnsupportedRedirect || error instanceof TooManyRedirects) return "T2";
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /CERT|SIGNATURE|ALTNAME|^ERR_SSL|^ERR_TLS|^EPROTO$/.test(code) ? "T6" : "T3";
}

function decode(answer: JavaAnswer, bytes: Buffer, violations: Violations): Buffer | undefined {
  const encoding = answer.headers["content-encoding"];
  if (encoding === undefined) return bytes;
  violations.expect(encoding === "gzip", "T4", `Content-Encoding ${encoding}`);
  if (encoding !== "gzip") return undefined;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    violations.add("T4", `the gzip body does not unzip: ${error}`);
    return undefined;
  }
}

function contentVersion(
  header: string | undefined,
  { reads }: ClientProfile,
  violations: Violations,
): RepoVersion | undefined {
  const [best] = reads;
  const version = acceptedVersion(header, reads);
  violations.expect(version !== undefined, "T5", `Content-Type ${header ?? "missing"}`);
  if (version === undefined || best === undefined) return undefined;
  const canonical = repositoryMediaType(best);
  violations.expect(header === canonical, "T5", `Content-Type ${header} instead of ${canonical}`);
  return version;
}

function parseText(
  bytes: Buffer,
  violations: Violations,
): { text: string; json: unknown } | undefined {
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const text = decoder.decode(bytes);
    violations.expect(!text.startsWith("\ufeff"), "T7", "starts with a byte order mark");
    const json: unknown = JSON.parse(text.replace(/^\ufeff/, ""));
    for (const pointer of duplicateKeys(text)) violations.add("T7", `${pointer} appears twice`);
    return { text, json };
  } catch (error) {
    violations.add("T7", String(error));
    return undefined;
  }
}

/** T4: who does not ask for gzip must not get it. */
export async function checkPlainAnswer(
  url: URL,
  profile: ClientProfile,
  network: Network,
  expected: string,
  violations: Violations,
): Promise<void> {
  const headers = (host: string) =>
    repositoryHeaders(profile, host).filter(([name]) => name !== "Accept-Encoding");
  const answer = await javaFetch(url, headers, network);
  const encoding = answer.headers["content-encoding"];
  const body = await readAll(answer.body);
  violations.expect(encoding === undefined, "T4", `${encoding} for a client that never asked`);
  if (encoding !== undefined) return;
  violations.expect(body.toString() === expected, "T8", "differs from the gzip form");
}
