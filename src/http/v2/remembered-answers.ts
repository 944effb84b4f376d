/**
 * Answers to the reads that agents repeat, given again in the turn of the request that asks for them.
 *
 * An answer is kept with the very documents that it was made of, and given only while a reader would
 * be given exactly those from memory: so it is never older than what `getManifest` and `getBlob`
 * would say. Whatever is not plainly one of these (conditions, ranges, negotiation, anything that is
 * not in memory) is left to them.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { isDigest } from "../../oci/digest.ts";
import { isRepositoryName, isTag, type RepositoryName } from "../../oci/reference.ts";
import type { Reference } from "../../registry/manifests.ts";
import type { Registry } from "../../registry/registry.ts";
import { BoundedMap } from "../../storage/bounded-map.ts";
import type { Ground } from "../../storage/document-cache.ts";
import { type Described, wholeHeaders } from "../send-content.ts";
import { acceptsOf } from "./accept.ts";
import { describeBlob } from "./blobs.ts";
import { atOnceBytes, describeManifest } from "./manifests.ts";
import { matchV2 } from "./route.ts";

interface Answer {
  /** Names and values in turn, as they are sent. */
  readonly head: readonly string[];
  readonly bytes: Buffer;
  readonly grounds: readonly Ground[];
  /** Whether HEAD may be told so, too. */
  readonly toHead: boolean;
}

/** Of answers; their content is mostly that of documents in memory, and counted there as well. */
const keptBytes = 8 * 1024 * 1024;
const overheadBytes = 1024;
/** Longer ones are nobody's pull. */
const longestUrl = 1024;
const longestAccept = 2048;

/** Headers that make a request more than "give me that", in lower case. */
const conditions = new Set([
  "range",
  "if-range",
  "if-match",
  "if-none-match",
  "content-length",
  "transfer-encoding",
]);

export class RememberedAnswers {
  readonly #registry: Registry;
  readonly #answers = new BoundedMap<string, Answer>(keptBytes);

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** @returns whether the request is answered */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const { method, url = "" } = request;
    if ((method !== "GET" && method !== "HEAD") || url.length > longestUrl) return false;
    const accept = plainAccept(request);
    if (accept === undefined) return false;
    const answer = this.#find(url, accept);
    if (answer === undefined || (method === "HEAD" && !answer.toHead)) return false;
    response.writeHead(200, answer.head as string[]);
    response.end(method === "HEAD" ? undefined : answer.bytes);
    return true;
  }

  #find(url: string, accept: string): Answer | undefined {
    const key = `${accept}\n${url}`;
    const known = this.#answers.get(key);
    if (known && this.#registry.recent.stand(known.grounds)) return known;
    const made = this.#make(url, accept);
    if (made) this.#answers.set(key, made, weightOf(key, made));
    return made;
  }

  #make(url: string, accept: string): Answer | undefined {
    const route = matchV2(url);
    if (route === undefined || !("name" in route) || !isRepositoryName(route.name))
      return undefined;
    if (route.kind === "manifest") return this.#manifest(route.name, route.reference, accept);
    return route.kind === "blob" ? this.#blob(route.name, route.digest) : undefined;
  }

  #manifest(repository: RepositoryName, text: string, accept: string): Answer | undefined {
    const reference = referenceOf(text);
    const found = reference && this.#registry.manifests.recall(repository, reference);
    if (!found || !acceptsOf(accept)(found.value.link.mediaType)) return undefined;
    const { bytes } = found.value;
    return answerOf(describeManifest(found.value), bytes, found.grounds, true);
  }

  #blob(repository: RepositoryName, digest: string): Answer | undefined {
    if (!isDigest(digest)) return undefined;
    const { hidden, blobs } = this.#registry;
    const shown = hidden.recallShown(repository, digest);
    const found = shown && blobs.recall(digest);
    if (!found) return undefined;
    const { value: bytes, grounds } = found;
    const described = describeBlob(digest, bytes.byteLength);
    // HEAD promises that it stays, which memory cannot.
    return answerOf(described, bytes, [...shown.grounds, ...grounds], false);
  }
}

function answerOf(
  described: Described,
  bytes: Buffer,
  grounds: readonly Ground[],
  toHead: boolean,
): Answer | undefined {
  if (bytes.byteLength > atOnceBytes || bytes.byteLength !== described.size) return undefined;
  const headers = { "Docker-Distribution-Api-Version": "registry/2.0", ...wholeHeaders(described) };
  const head = Object.entries(headers).flatMap(([name, value]) => [name, String(value)]);
  return { head, bytes, grounds, toHead };
}

function weightOf(key: string, { bytes }: Answer): number {
  return overheadBytes + key.length + bytes.byteLength;
}

/** @returns the `Accept` header, empty without one; undefined for a request that is not plain */
function plainAccept({ rawHeaders }: IncomingMessage): string | undefined {
  let accept: string | undefined;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? "").toLowerCase();
    if (conditions.has(name)) return undefined;
    if (name !== "accept") continue;
    if (accept !== undefined) return undefined;
    accept = rawHeaders[at + 1] ?? "";
  }
  return (accept?.length ?? 0) > longestAccept ? undefined : (accept ?? "");
}

function referenceOf(text: string): Reference | undefined {
  if (isDigest(text)) return { digest: text };
  return isTag(text) ? { tag: text } : undefined;
}
