/**
 * Brings a bundle to the registry blob by blob, and then adds the package by its root digest.
 *
 * For bundles of any size and lines of any quality: what the registry has is not sent again, and a
 * command that was cut goes on. The registry checks the whole when it adds the root.
 */

import { annotation } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import { parseManifest } from "../oci/manifest.ts";
import { mediaType } from "../oci/media-type.ts";
import { isRepositoryName } from "../oci/reference.ts";
import { ManifestInvalid } from "../oci/registry-error.ts";
import { BundleInvalid } from "../packages/bundle-error.ts";
import type { BundleMap } from "../packages/bundle-map.ts";
import { type BlobSource, BlobUpload, type BlobUploadOptions } from "./blob-upload.ts";
import type { Answer } from "./registry-refusal.ts";
import type { RegistryTransport } from "./registry-transport.ts";

export interface PushSource {
  map(): Promise<BundleMap>;
  /** Bytes of the file from `start` up to but not including `end`. */
  readRange(start: number, end: number): AsyncIterable<Uint8Array>;
}

export type PushOptions = Omit<BlobUploadOptions, "repository" | "onProgress"> & {
  /** Told how many bytes of blobs are there; never goes back. */
  readonly onProgress: (bytes: number) => void;
};

const concurrency = 4;
const probeTimeoutMs = 60_000;

/**
 * @returns the root digest once all blobs are there; undefined when what answers has no OCI routes, or when
 *          the file is no bundle, which is for the registry to say
 */
export async function pushBundle(
  transport: RegistryTransport,
  source: PushSource,
  options: PushOptions,
): Promise<Digest | undefined> {
  const map = await source.map().catch(unlessInvalid);
  if (map === undefined) return undefined;
  const { root, blobs } = map;
  const repository = await repositoryOf(source, blobs.get(root.digest));
  if (!(await speaksOci(transport, `v2/${repository}/blobs/${root.digest}`, options.signal))) {
    return undefined;
  }
  const total = new Total(options.onProgress);
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const upload = new BlobUpload(transport, {
    ...options,
    signal,
    repository,
    onProgress: (digest, bytes) => total.set(digest, bytes),
  });
  const each = async (
    sources: readonly BlobSource[],
    work: (blob: BlobSource) => Promise<void>,
  ): Promise<void> => {
    const queue = sources.values();
    const worker = async () => {
      for (const blob of queue) {
        signal.throwIfAborted();
        await work(blob);
      }
    };
    const workers = Array.from({ length: concurrency }, () =>
      worker().catch((error) => failed.abort(error)),
    );
    await Promise.all(workers);
    signal.throwIfAborted();
  };
  const missing: BlobSource[] = [];
  let bytes = 0;
  await each(sourcesOf(source, blobs), async (blob) => {
    const lacking = await upload.lacking(blob);
    if (lacking !== undefined) missing.push(blob);
    bytes += lacking ?? 0;
  });
  if (bytes > 0) await upload.announce(bytes);
  await each(missing, (blob) => upload.push(blob));
  return root.digest;
}

function sourcesOf(source: PushSource, blobs: BundleMap["blobs"]): BlobSource[] {
  return [...blobs].map(([digest, { offset, size }]) => ({
    digest,
    size,
    read: (start, end) => source.readRange(offset + start, offset + end),
  }));
}

function unlessInvalid(error: unknown): undefined {
  if (!(error instanceof BundleInvalid)) throw error;
}

/** The name of the package, so that who may write what can be told apart. */
async function repositoryOf(
  source: PushSource,
  place: { readonly offset: number; readonly size: number } | undefined,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  if (place && place.size <= maxRootBytes) {
    for await (const chunk of source.readRange(place.offset, place.offset + place.size)) {
      chunks.push(chunk);
    }
  }
  const name = titleOf(Buffer.concat(chunks)) ?? "";
  return isRepositoryName(name) ? name : "package";
}

function titleOf(root: Buffer): string | undefined {
  try {
    return parseManifest(root, mediaType.ociIndex).annotations?.[annotation.title];
  } catch (error) {
    if (error instanceof ManifestInvalid) return undefined;
    throw error;
  }
}

const maxRootBytes = 4 * 1024 * 1024;

/** Only a registry says so, whether or not it has the blob; a proxy's own page does not. */
async function speaksOci(
  transport: RegistryTransport,
  route: string,
  signal: AbortSignal,
): Promise<boolean> {
  const exchange = { method: "HEAD", route, answerTimeoutMs: probeTimeoutMs, signal } as const;
  const { status, headers }: Answer = await transport.exchange(exchange);
  return (status === 200 || status === 404) && headers.has("docker-distribution-api-version");
}

/** The sum over blobs of which each may go back, itself never going back. */
class Total {
  readonly #done = new Map<Digest, number>();
  readonly #tell: (bytes: number) => void;
  #sum = 0;
  #furthest = 0;

  constructor(tell: (bytes: number) => void) {
    this.#tell = tell;
  }

  set(digest: Digest, bytes: number): void {
    this.#sum += bytes - (this.#done.get(digest) ?? 0);
    this.#done.set(digest, bytes);
    if (this.#sum <= this.#furthest) return;
    this.#furthest = this.#sum;
    this.#tell(this.#furthest);
  }
}
