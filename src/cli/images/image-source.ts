/**
 * Finds images in their registries: manifests as they are, byte for byte, for one platform.
 *
 * An index is kept whole, so that its digest holds, but only the manifest of the wanted platform is
 * fetched; layers and config are left to the caller, who knows what it has.
 */
import type { Descriptor, Platform } from "../../oci/descriptor.ts";
import { algorithmOf, type Digest, digestOf, isDigest } from "../../oci/digest.ts";
import { type ImageManifest, type Manifest, parseManifest } from "../../oci/manifest.ts";
import { essence, isManifestType, isNonDistributable, mediaType } from "../../oci/media-type.ts";
import {
  formatImageReference,
  type ImageReference,
  parseImageReference,
} from "../../oci/reference.ts";
import { ManifestInvalid } from "../../oci/registry-error.ts";
import type { DownloadSource } from "../fetch/download.ts";
import { FetchFailed, httpFailure } from "../fetch/fetch-failed.ts";
import type { HttpAnswer, HttpClient } from "../fetch/http-client.ts";
import { type RetryPolicy, withRetries } from "../fetch/retry.ts";
import type { DockerCredentials } from "./docker-credentials.ts";
import { ImageUnavailable, unavailable } from "./image-unavailable.ts";
import { findPlatform, formatPlatform, listPlatforms } from "./platform.ts";
import { isHtml, RegistrySession } from "./registry-session.ts";
import { readLimited } from "./registry-token.ts";

export interface ImageSourceOptions {
  readonly client: HttpClient;
  readonly credentials: DockerCredentials;
  readonly platform: Platform;
  /** `HOST` or `HOST:PORT` of registries that may be spoken to over plain HTTP. */
  readonly insecureRegistries: readonly string[];
  readonly retry: RetryPolicy;
}

export interface RemoteImage {
  /** Full normalised reference. */
  readonly reference: string;
  /** Host and port that it comes from. */
  readonly apiHost: string;
  /** The manifest or index that the reference leads to. */
  readonly descriptor: Descriptor;
  /** The index, if there is one, and the manifest of the platform. */
  readonly documents: ReadonlyMap<Digest, Buffer>;
  readonly manifest: ImageManifest;
  /** Config and layers, each once. */
  readonly blobs: readonly Descriptor[];
  open(blob: Descriptor): DownloadSource;
}

/** @throws {ImageUnavailable} with the words for it */
export type FindImage = (text: string) => Promise<RemoteImage>;

const manifestTypes = [
  mediaType.ociIndex,
  mediaType.dockerList,
  mediaType.ociManifest,
  mediaType.dockerManifest,
].join(", ");

const maxManifestBytes = 4 * 1024 * 1024;

interface Fetched {
  readonly descriptor: Descriptor;
  readonly manifest: Manifest;
}

export class ImageSource {
  readonly #options: ImageSourceOptions;
  readonly #sessions = new Map<string, RegistrySession>();

  constructor(options: ImageSourceOptions) {
    this.#options = options;
  }

  /**
   * @param text reference as the package has it
   * @throws {ImageUnavailable} with the words for it
   */
  async find(text: string): Promise<RemoteImage> {
    const reference = parseImageReference(text);
    const session = this.#session(reference);
    try {
      return await this.#find(text, reference, session);
    } catch (error) {
      throw unavailable(error, text, session.apiHost);
    }
  }

  async #find(
    text: string,
    reference: ImageReference,
    session: RegistrySession,
  ): Promise<RemoteImage> {
    const top = await this.#resolve(session, reference);
    const documents = new Map([[top.descriptor.digest, top.manifest.bytes]]);
    const manifest = await this.#platformManifest(text, session, top.manifest);
    documents.set(manifest.digest, manifest.bytes);
    const blobs = blobsOf(text, manifest);
    return {
      reference: formatImageReference(reference),
      apiHost: session.apiHost,
      descriptor: top.descriptor,
      documents,
      manifest,
      blobs,
      open: ({ digest, size }) => ({
        immutable: true,
        size,
        open: (headers) => session.send("GET", `blobs/${digest}`, headers),
      }),
    };
  }

  #session({ host, repository }: ImageReference): RegistrySession {
    const key = `${host}/${repository}`;
    const { client, credentials, insecureRegistries, retry } = this.#options;
    const session =
      this.#sessions.get(key) ??
      new RegistrySession({
        client,
        host,
        repository,
        findCredentials: () => credentials.find(host, repository),
        allowHttp: isLoopback(host) || insecureRegistries.includes(host),
        retry,
      });
    this.#sessions.set(key, session);
    return session;
  }

  /** Asks for the digest first: registries count what is fetched by tag, not what is asked. */
  async #resolve(session: RegistrySession, { tag, digest }: ImageReference): Promise<Fetched> {
    if (digest !== undefined) return this.#get(session, digest);
    const path = `manifests/${tag}`;
    const head = await withRetries(this.#options.retry, async () => {
      const answer = await session.send("HEAD", path, { accept: manifestTypes });
      await answer.discard();
      return answer.status < 500 && answer.status !== 429 ? answer : failed(answer);
    });
    const stated = head.header("docker-content-digest") ?? "";
    const known = head.status === 200 && isDigest(stated) && algorithmOf(stated) === "sha256";
    return this.#get(session, known ? (stated as Digest) : String(tag));
  }

  async #get(session: RegistrySession, reference: string): Promise<Fetched> {
    return withRetries(this.#options.retry, async () => {
      const answer = await session.send("GET", `manifests/${reference}`, { accept: manifestTypes });
      if (answer.status !== 200) {
        await answer.discard();
        return failed(answer);
      }
      if (isHtml(answer)) {
        await answer.discard();
        throw new FetchFailed("answers with a web page, not as a registry");
      }
      return parse(await readBody(answer, this.#options), answer, reference);
    });
  }

  async #platformManifest(
    text: string,
    session: RegistrySession,
    manifest: Manifest,
  ): Promise<ImageManifest> {
    if (manifest.kind === "manifest") return manifest;
    const { platform } = this.#options;
    const child = findPlatform(manifest, platform);
    if (child === undefined) {
      const available = listPlatforms(manifest).join(", ") || "nothing that can run";
      const reason = `no ${formatPlatform(platform)} image in the list`;
      throw new ImageUnavailable(text, reason, { hint: `the list has ${available}` });
    }
    const found = await this.#get(session, child.digest);
    if (found.descriptor.size !== child.size || found.manifest.kind !== "manifest") {
      throw new FetchFailed(`the registry's list does not fit its manifest ${child.digest}`);
    }
    return found.manifest;
  }
}

function failed(answer: HttpAnswer): never {
  throw httpFailure(answer.status, answer.statusText, answer.header("retry-after"));
}

async function readBody(answer: HttpAnswer, { client }: ImageSourceOptions): Promise<Buffer> {
  try {
    return await readLimited(answer, maxManifestBytes);
  } catch (error) {
    throw client.explain(error);
  }
}

/** @param reference the digest that was asked for, or a tag */
function parse(bytes: Buffer, answer: HttpAnswer, reference: string): Fetched {
  const digest = digestOf(bytes);
  const expected = isDigest(reference) ? reference : digest;
  if (digestOf(bytes, algorithmOf(expected)) !== expected) {
    throw new FetchFailed(`the registry's answer is not ${expected}`, { retryable: true });
  }
  const type = typeOf(bytes, answer);
  const manifest = parseManifest(bytes, type);
  return { descriptor: { mediaType: type, digest, size: bytes.byteLength }, manifest };
}

/** Some registries and proxies lose the type; the document often repeats it. */
function typeOf(bytes: Buffer, answer: HttpAnswer): string {
  const announced = essence(answer.header("content-type") ?? "");
  if (isManifestType(announced)) return announced;
  try {
    const { mediaType: stated, schemaVersion } = JSON.parse(bytes.toString("utf8"));
    if (schemaVersion === 1) return mediaType.dockerSchema1;
    return typeof stated === "string" && stated !== "" ? stated : announced;
  } catch (cause) {
    throw new ManifestInvalid("the manifest is not valid JSON", {}, { cause });
  }
}

function blobsOf(text: string, { config, layers }: ImageManifest): Descriptor[] {
  const foreign = layers.find(({ mediaType: type }) => isNonDistributable(type));
  if (foreign) {
    const hint = "its licence forbids that; such images can only be pulled from their own registry";
    throw new ImageUnavailable(text, "it has layers that must not be bundled", { hint });
  }
  const blobs = new Map([config, ...layers].map((blob) => [blob.digest, blob]));
  for (const digest of blobs.keys()) {
    if (algorithmOf(digest) === "sha256") continue;
    throw new ImageUnavailable(text, `it has a blob ${digest}; bundles hold sha256 only`);
  }
  return [...blobs.values()];
}

function isLoopback(host: string): boolean {
  const name = host.replace(/:\d+$/, "");
  return name === "localhost" || /^127(?:\.\d{1,3}){3}$/.test(name) || name === "[::1]";
}
