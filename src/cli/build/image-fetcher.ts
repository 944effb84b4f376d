/**
 * Brings the images of a package into the cache: what is there already is not fetched again.
 *
 * Layers that several images share are fetched once. An image that turns out to be for another
 * platform than wanted is refused: agents would pull it and fail to start it.
 */
import type { Descriptor, Platform } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { mediaType } from "../../oci/media-type.ts";
import { DigestMismatch, SizeMismatch } from "../../oci/registry-error.ts";
import type { BlobCache } from "../fetch/blob-cache.ts";
import { download } from "../fetch/download.ts";
import type { HttpClient } from "../fetch/http-client.ts";
import type { RetryPolicy } from "../fetch/retry.ts";
import type { RemoteImage } from "../images/image-source.ts";
import { ImageUnavailable, unavailable } from "../images/image-unavailable.ts";
import { formatPlatform } from "../images/platform.ts";
import type { Limiter } from "./limiter.ts";

export interface ImageFetcherOptions {
  readonly client: HttpClient;
  readonly cache: BlobCache;
  readonly limiter: Limiter;
  readonly platform: Platform;
  readonly retry: RetryPolicy;
  /** Told of bytes that have come in or were here already; negative when some come again. */
  readonly onProgress: (bytes: number) => void;
}

export class ImageFetcher {
  readonly #options: ImageFetcherOptions;
  readonly #running = new Map<Digest, Promise<void>>();

  constructor(options: ImageFetcherOptions) {
    this.#options = options;
  }

  /** @throws {ImageUnavailable} */
  async fetch(text: string, image: RemoteImage): Promise<void> {
    try {
      await Promise.all(image.blobs.map((blob) => this.#blob(image, blob)));
      await this.#checkPlatform(text, image);
    } catch (error) {
      throw explain(error, text, image);
    }
  }

  #blob(image: RemoteImage, blob: Descriptor): Promise<void> {
    const running =
      this.#running.get(blob.digest) ??
      this.#options.limiter.run(() => this.#fetchBlob(image, blob));
    this.#running.set(blob.digest, running);
    return running;
  }

  async #fetchBlob(image: RemoteImage, { digest, size, ...rest }: Descriptor): Promise<void> {
    const { cache, client, retry, onProgress } = this.#options;
    retry.signal.throwIfAborted();
    if (await cache.has(digest, size)) return onProgress(size);
    const source = image.open({ digest, size, ...rest });
    const options = { ...retry, idleTimeoutMs: client.idleTimeoutMs, onProgress };
    await cache.add((file) => download(source, file, options), { digest, size });
  }

  async #checkPlatform(text: string, { manifest }: RemoteImage): Promise<void> {
    const { config } = manifest;
    const known =
      config.mediaType === mediaType.dockerConfig || config.mediaType === mediaType.ociConfig;
    if (!known || config.size > maxConfigBytes) return;
    const { os, architecture } = await this.#readConfig(config.digest);
    const { platform: wanted } = this.#options;
    if (typeof os !== "string" || typeof architecture !== "string") return;
    if (os === wanted.os && architecture === wanted.architecture) return;
    const actual = formatPlatform({ os, architecture });
    const hint = `the registry offers this image for ${actual} only; see --platform`;
    throw new ImageUnavailable(text, `no ${formatPlatform(wanted)} image`, { hint });
  }

  async #readConfig(digest: Digest): Promise<{ os?: unknown; architecture?: unknown }> {
    const chunks: Buffer[] = [];
    for await (const chunk of this.#options.cache.read(digest)) chunks.push(chunk);
    try {
      return Object(JSON.parse(Buffer.concat(chunks).toString("utf8")));
    } catch {
      return {}; // whoever runs the image will say more about it than we can
    }
  }
}

const maxConfigBytes = 4 * 1024 * 1024;

function explain(error: unknown, text: string, image: RemoteImage): unknown {
  if (!(error instanceof DigestMismatch || error instanceof SizeMismatch)) {
    return unavailable(error, text, image.apiHost);
  }
  const reason = `${image.apiHost} sent a damaged layer: ${error.message}`;
  return new ImageUnavailable(text, reason, { cause: error });
}
