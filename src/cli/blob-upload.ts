/**
 * Sends single blobs through the OCI routes: what is there is left out, what breaks goes on where it stood.
 *
 * Requests are small, so no limit of a proxy on sizes or times matters, and any instance may answer
 * each of them. Follows distribution-spec 1.1, "Pushing a blob in chunks".
 */
import { Readable } from "node:stream";
import type { Digest } from "../oci/digest.ts";
import { bytesToCome } from "../oci/header.ts";
import { Retries } from "./fetch/retry.ts";
import { RegistryUnreachable } from "./network-error.ts";
import { type Answer, NotARegistry, RegistryRefusal, refuse } from "./registry-refusal.ts";
import type { RegistryTransport } from "./registry-transport.ts";
import { Sending } from "./sending.ts";
import type { UploadJournal } from "./upload-journal.ts";

export interface BlobSource {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  /** The bytes from `start` up to but not including `end`. */
  read(start: number, end: number): AsyncIterable<Uint8Array>;
}

export interface BlobUploadOptions {
  /** Which the sessions belong to; contents are the registry's as a whole. */
  readonly repository: string;
  readonly journal: UploadJournal;
  readonly signal: AbortSignal;
  /** Told of each blob's bytes that are there, again from less when a piece has to be sent again. */
  readonly onProgress: (digest: Digest, bytes: number) => void;
  /** How long the registry may take no byte, or think about an answer; 120 s. */
  readonly stallTimeoutMs?: number;
  /** Bytes of one request; 32 MiB. */
  readonly chunkBytes?: number;
  /** Before the second attempt, in ms; doubled each time. */
  readonly backOffMs?: number;
}

const defaultChunkBytes = 32 * 1024 * 1024;
const defaultStallTimeoutMs = 120_000;
const attempts = 6;

export class BlobUpload {
  readonly #transport: RegistryTransport;
  readonly #options: BlobUploadOptions;
  readonly #chunkBytes: number;
  readonly #timeoutMs: number;

  constructor(transport: RegistryTransport, options: BlobUploadOptions) {
    this.#transport = transport;
    this.#options = options;
    this.#chunkBytes = options.chunkBytes ?? defaultChunkBytes;
    this.#timeoutMs = options.stallTimeoutMs ?? defaultStallTimeoutMs;
  }

  /** @returns bytes of the blob that are still to be sent; undefined when the registry has it */
  async lacking({ digest, size }: BlobSource): Promise<number | undefined> {
    return this.#retrying(async () => {
      if (await this.#has({ digest, size })) {
        this.#options.onProgress(digest, size);
        return undefined;
      }
      const known = await this.#options.journal.recall(digest);
      const answer = known === undefined ? undefined : await this.#ask("GET", known);
      return answer?.status === 204 ? size - offsetOf(answer) : size;
    });
  }

  /**
   * Tells what all blobs together will bring, so that what cannot fit is refused before any of it is sent.
   *
   * @throws {RegistryRefusal} when there is no room for it
   */
  async announce(bytes: number): Promise<void> {
    const headers = { "content-length": "0", [bytesToCome]: String(bytes) };
    await this.#retrying(async () =>
      expect(await this.#ask("POST", `${this.#base}/uploads/`, headers), 202),
    );
  }

  async #retrying<T>(work: () => Promise<T>): Promise<T> {
    const retries = this.#retries();
    for (;;) {
      try {
        return await work();
      } catch (error) {
        await retries.next(error);
      }
    }
  }

  /** @returns once the registry has the blob, whoever brought it */
  async push(blob: BlobSource): Promise<void> {
    const retries = this.#retries();
    const state: UploadState = { route: undefined, offset: 0 };
    for (;;) {
      try {
        if (!(await this.#has(blob))) await this.#send(blob, state, retries);
        this.#options.onProgress(blob.digest, blob.size);
        return await this.#options.journal.forget(blob.digest);
      } catch (error) {
        if (isFull(error)) await this.#cancel(blob, state);
        await retries.next(error);
      }
    }
  }

  /** Gives back the room of what cannot become whole; if that fails, too, the session expires. */
  async #cancel({ digest }: BlobSource, { route }: UploadState): Promise<void> {
    if (route === undefined) return;
    await this.#ask("DELETE", route).catch(() => undefined);
    await this.#options.journal.forget(digest);
  }

  #retries(): Retries {
    const { signal, backOffMs } = this.#options;
    const isRetryable = (error: unknown) =>
      error instanceof RegistryUnreachable || error instanceof Hiccup || isPassing(error);
    const policy = { attempts, isRetryable, signal };
    return new Retries(backOffMs === undefined ? policy : { ...policy, backOffMs });
  }

  async #has({ digest, size }: Pick<BlobSource, "digest" | "size">): Promise<boolean> {
    const answer = await this.#ask("HEAD", `${this.#base}/${digest}`);
    if (answer.status === 404) return false;
    if (answer.status !== 200) refuseSilent(answer);
    return Number(answer.headers.get("content-length")) === size;
  }

  async #send(blob: BlobSource, state: UploadState, retries: Retries): Promise<void> {
    if (blob.size <= this.#chunkBytes) {
      const route = `${this.#base}/uploads/?digest=${blob.digest}`;
      return expect(await this.#body("POST", route, blob, 0, blob.size), 201);
    }
    await this.#continue(blob, state);
    while (state.offset < blob.size) {
      const end = Math.min(blob.size, state.offset + this.#chunkBytes);
      const answer = await this.#body("PATCH", String(state.route), blob, state.offset, end);
      if (answer.status !== 202) this.#explain(answer, state);
      state.route = routeOf(answer) ?? state.route;
      state.offset = end;
      retries.reset();
    }
    const closing = withDigest(String(state.route), blob.digest);
    const answer = await this.#ask("PUT", closing, { "content-length": "0" });
    if (answer.status !== 201) this.#explain(answer, state);
  }

  /** Finds out how far the session is, of this run or of an earlier one, or begins one. */
  async #continue({ digest }: BlobSource, state: UploadState): Promise<void> {
    const { journal } = this.#options;
    const known = state.route ?? (await journal.recall(digest));
    if (known !== undefined) {
      const answer = await this.#ask("GET", known);
      if (answer.status === 204) {
        state.route = routeOf(answer) ?? known;
        state.offset = offsetOf(answer);
        return this.#options.onProgress(digest, state.offset);
      }
      if (answer.status !== 404) refuse(answer);
    }
    const begun = await this.#ask("POST", `${this.#base}/uploads/`, { "content-length": "0" });
    if (begun.status !== 202) refuse(begun);
    state.route = routeOf(begun);
    state.offset = 0;
    if (state.route === undefined) throw new Hiccup("the registry began an upload without a place");
    await journal.remember(digest, state.route);
  }

  /** A session that stands elsewhere, or is gone, is looked at anew; anything else is a refusal. */
  #explain(answer: Answer, state: UploadState): never {
    if (answer.status === 416) throw new Hiccup("the upload stands elsewhere");
    if (answer.status !== 404) refuse(answer);
    state.route = undefined;
    throw new Hiccup("the upload is gone");
  }

  get #base(): string {
    return `v2/${this.#options.repository}/blobs`;
  }

  async #ask(
    method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE",
    route: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const { signal } = this.#options;
    const exchange = { method, route, headers, answerTimeoutMs: this.#timeoutMs, signal };
    return this.#transport.exchange(exchange);
  }

  async #body(
    method: "POST" | "PATCH",
    route: string,
    blob: BlobSource,
    start: number,
    end: number,
  ): Promise<Answer> {
    const sending = new Sending(this.#timeoutMs);
    let done = start;
    const pieces = sending.watch(blob.read(start, end), (bytes) => {
      done += bytes;
      this.#options.onProgress(blob.digest, done);
    });
    const range = method === "PATCH" ? { "content-range": `${start}-${end - 1}` } : {};
    const headers = {
      "content-type": "application/octet-stream",
      "content-length": String(end - start),
      ...range,
    };
    try {
      return await this.#transport.exchange({
        method,
        route,
        headers,
        body: Readable.from(pieces),
        answerTimeoutMs: this.#timeoutMs,
        signal: AbortSignal.any([this.#options.signal, sending.stalled]),
      });
    } finally {
      sending.end();
    }
  }
}

interface UploadState {
  route: string | undefined;
  offset: number;
}

/** Something that another attempt puts right. */
class Hiccup extends RegistryUnreachable {}

/** What proxies and a busy registry answer for a while. */
function isPassing(error: unknown): boolean {
  const told = error instanceof RegistryRefusal || error instanceof NotARegistry;
  const status = told ? error.status : undefined;
  return status !== undefined && [408, 429, 502, 503, 504].includes(status);
}

function isFull(error: unknown): boolean {
  return error instanceof RegistryRefusal && error.status === 507;
}

function expect(answer: Answer, status: number): void {
  if (answer.status !== status) refuse(answer);
}

/** An answer to HEAD has no body to explain itself. */
function refuseSilent({ status, url }: Answer): never {
  const where = { where: url };
  if (status >= 500 || status === 429)
    throw new Hiccup(`the registry answers HTTP ${status}`, where);
  throw new RegistryRefusal("NOT_A_REGISTRY_ANSWER", status, `HTTP ${status}`, {}, where);
}

/**
 * Of whatever stands in `Location`, the part that begins with `v2/`: proxies put a prefix in front, or
 * forget to, and our own address has the right one.
 */
function routeOf({ location = "" }: Answer): string | undefined {
  const at = location.indexOf("/v2/");
  return at < 0 ? undefined : location.slice(at + 1);
}

/** `Range: 0-<last byte>`; `0-0` before the first byte. */
function offsetOf({ headers }: Answer): number {
  const last = Number(/^(?:bytes=)?0-(\d+)$/.exec(headers.get("range") ?? "")?.[1] ?? 0);
  return last === 0 ? 0 : last + 1;
}

function withDigest(route: string, digest: Digest): string {
  return `${route}${route.includes("?") ? "&" : "?"}digest=${digest}`;
}
