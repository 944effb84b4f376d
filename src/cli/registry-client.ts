/**
 * What a registry can be asked: the routes below `/package`, `/gc`, `/scrub` and `/health`.
 *
 * One method a route: sends the question, checks the answer. Knows the routes, and leaves the
 * network to the transport.
 */
import path from "node:path";
import type { Digest } from "../oci/digest.ts";
import { type PushSource, pushBundle } from "./bundle-push.ts";
import { addByRoot, type UploadLimits, type UploadSource, uploadBundle } from "./bundle-upload.ts";
import type { Connection } from "./connection.ts";
import { BlobCache } from "./fetch/blob-cache.ts";
import type { HttpAnswer } from "./fetch/http-client.ts";
import {
  type Answered,
  type Collected,
  collectedOf,
  type DescribedPackage,
  describedPackageOf,
  type HealthCheckResult,
  healthOf,
  type ListedPackage,
  type PackageName,
  packagesOf,
  type Removed,
  removedOf,
  type ScrubStatus,
  scrubStatusOf,
} from "./registry-answer.ts";
import { type Answer, foreignAnswer, RegistryRefusal } from "./registry-refusal.ts";
import { RegistryTransport, type TransportOptions } from "./registry-transport.ts";
import { UploadJournal } from "./upload-journal.ts";

export interface ClientOptions extends TransportOptions, UploadLimits {}

/** A bundle that can be sent as one stream, or blob by blob. */
export interface AddedBundle extends UploadSource, PushSource {
  /** Told how many bytes the registry has, when it is sent blob by blob. */
  onProgress(bytes: number): void;
  /** All blobs are there; the registry checks them as a whole now. */
  onPushed(): void;
}

/** Below it, one request is faster than asking for every blob. */
const defaultPushFromBytes = 8 * 1024 * 1024;

/** For answers that need no validation of gigabytes. */
const answerTimeoutMs = 60_000;
/** A cycle of garbage collection goes slowly on purpose. */
const cycleTimeoutMs = 24 * 60 * 60_000;

export class RegistryClient {
  readonly #transport: RegistryTransport;
  readonly #options: ClientOptions;
  readonly #journal: UploadJournal;

  constructor(connection: Connection, options: ClientOptions) {
    this.#transport = new RegistryTransport(connection, options);
    this.#options = options;
    const cache = BlobCache.defaultDirectory(options.environment);
    const directory = cache && path.join(path.dirname(cache), "uploads");
    this.#journal = new UploadJournal(directory, connection.url);
  }

  /** @returns after the registry has validated and published the package */
  async add(bundle: AddedBundle, signal: AbortSignal): Promise<Answered<readonly ListedPackage[]>> {
    const root = await this.#push(bundle, signal);
    const answer =
      root === undefined
        ? await uploadBundle(this.#transport, bundle, this.#options, signal)
        : await addByRoot(this.#transport, root, { ...this.#options, ...release(bundle) }, signal);
    return packagesOf(answer);
  }

  /** @returns undefined when the bundle is to be sent as one stream */
  async #push(bundle: AddedBundle, signal: AbortSignal): Promise<Digest | undefined> {
    const { pushFromBytes = defaultPushFromBytes, stallTimeoutMs } = this.#options;
    if (bundle.size < pushFromBytes) return undefined;
    const root = await pushBundle(this.#transport, bundle, {
      journal: this.#journal,
      signal,
      onProgress: (bytes) => bundle.onProgress(bytes),
      ...(stallTimeoutMs !== undefined && { stallTimeoutMs }),
    });
    if (root !== undefined) bundle.onPushed();
    return root;
  }

  /** Bytes of a package's bundle. @throws {RegistryRefusal | NotARegistry | RegistryUnreachable} */
  async bundleSize(route: string, signal: AbortSignal): Promise<number> {
    const found = await this.#transport.exchange({
      method: "HEAD",
      route,
      answerTimeoutMs,
      signal,
    });
    const length = found.headers.get("content-length");
    if (found.status === 200 && length !== undefined) return Number(length);
    if (found.status !== 404) throw foreignAnswer(found);
    throw new RegistryRefusal(
      "VersionNotFound",
      404,
      "the registry has no such bundle (any more)",
      {},
      {
        where: found.url,
        hint: "see dcos-registry list; an older registry cannot export",
      },
    );
  }

  /** @throws {FetchFailed} */
  openBundle(
    route: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    return this.#transport.open(route, headers, { idleTimeoutMs: answerTimeoutMs, signal });
  }

  async describe(
    name: string,
    version: string | undefined,
    signal: AbortSignal,
  ): Promise<Answered<DescribedPackage>> {
    const question = {
      packageName: name,
      ...(version !== undefined && { packageVersion: version }),
    };
    return describedPackageOf(await this.#ask("package/describe", question, signal));
  }

  async list(signal: AbortSignal): Promise<Answered<readonly ListedPackage[]>> {
    return packagesOf(await this.#ask("package/list", {}, signal));
  }

  /** @param now keep nothing of it for running services */
  async remove(
    { name, version, now }: PackageName & { readonly now: boolean },
    signal: AbortSignal,
  ): Promise<Answered<Removed>> {
    const question = { packageName: name, packageVersion: version, ...(now && { now }) };
    return removedOf(await this.#ask("package/remove", question, signal));
  }

  /** Has the registry collect garbage now. @returns when a whole cycle is over */
  async collect(
    question: { readonly dryRun: boolean },
    signal: AbortSignal,
  ): Promise<Answered<Collected>> {
    return collectedOf(await this.#ask("gc", question, signal, cycleTimeoutMs));
  }

  /** Asks for a verification of all that is stored. @returns before it has begun */
  async scrub(signal: AbortSignal): Promise<Answered<ScrubStatus>> {
    return scrubStatusOf(await this.#ask("scrub", {}, signal));
  }

  async scrubStatus(signal: AbortSignal): Promise<Answered<ScrubStatus>> {
    const exchange = { method: "GET", route: "scrub", answerTimeoutMs, signal } as const;
    return scrubStatusOf(await this.#transport.exchange(exchange));
  }

  async health(signal: AbortSignal): Promise<Answered<readonly HealthCheckResult[]>> {
    const exchange = { method: "GET", route: "health", answerTimeoutMs, signal } as const;
    return healthOf(await this.#transport.exchange(exchange));
  }

  async close(): Promise<void> {
    await this.#transport.close();
  }

  async #ask(
    route: string,
    question: object,
    signal: AbortSignal,
    timeoutMs = answerTimeoutMs,
  ): Promise<Answer> {
    return this.#transport.exchange({
      method: "POST",
      route,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(question),
      answerTimeoutMs: timeoutMs,
      signal,
    });
  }
}

function release({ releaseVersion }: UploadSource): Pick<UploadSource, "releaseVersion"> {
  return releaseVersion === undefined ? {} : { releaseVersion };
}
