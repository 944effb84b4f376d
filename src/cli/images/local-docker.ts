/**
 * Images of the docker on this machine (`--use-local`), over its socket.
 *
 * Layers come uncompressed from there, so the image's digest is not that of the registry; the
 * container that runs is the same.
 */
import { Client } from "undici";
import { formatImageReference, parseImageReference } from "../../oci/reference.ts";
import { CliError, UsageError } from "../cli-error.ts";
import type { BlobCache } from "../fetch/blob-cache.ts";
import { ArchiveUnusable, takeDockerArchive } from "./docker-archive.ts";
import type { FindImage, RemoteImage } from "./image-source.ts";
import { ImageUnavailable } from "./image-unavailable.ts";

export class DockerUnreachable extends CliError {
  readonly code = "DOCKER_UNREACHABLE";
}

export interface LocalDockerOptions {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

export class LocalDocker {
  readonly #socket: string;
  readonly #client: Client;
  readonly #signal: AbortSignal;

  /** @throws {UsageError} when docker is to be reached by anything but a socket of this machine */
  constructor({ environment, signal }: LocalDockerOptions) {
    this.#socket = socketOf(environment["DOCKER_HOST"]);
    // Docker prepares an archive before it sends the first byte, for minutes if need be.
    this.#client = new Client("http://localhost", {
      socketPath: this.#socket,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.#signal = signal;
  }

  /** Looks here first, then where `elsewhere` looks. */
  before(elsewhere: FindImage, cache: BlobCache): FindImage {
    return async (text) => (await this.find(text, cache)) ?? elsewhere(text);
  }

  /** @returns undefined when docker does not have the image; its content is in the cache then */
  async find(text: string, cache: BlobCache): Promise<RemoteImage | undefined> {
    const reference = formatImageReference(parseImageReference(text));
    const known = await this.#get(`/images/${reference}/json`);
    await known.body.dump();
    if (known.statusCode === 404) return undefined;
    const saved = await this.#get(`/images/${reference}/get`);
    if (known.statusCode !== 200 || saved.statusCode !== 200) {
      await saved.body.dump();
      throw new ImageUnavailable(text, `the local docker answered HTTP ${saved.statusCode}`);
    }
    return take(text, reference, saved.body, cache);
  }

  async close(): Promise<void> {
    await this.#client.destroy();
  }

  async #get(path: string) {
    try {
      return await this.#client.request({ method: "GET", path, signal: this.#signal });
    } catch (cause) {
      this.#signal.throwIfAborted();
      const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
      const reason = code === "EACCES" ? "permission denied" : "nothing listens there";
      throw new DockerUnreachable(`cannot reach the local docker: ${reason}`, {
        where: this.#socket,
        hint: "leave out --use-local: images are then fetched from their registries",
        cause,
      });
    }
  }
}

async function take(
  text: string,
  reference: string,
  archive: AsyncIterable<Uint8Array>,
  cache: BlobCache,
): Promise<RemoteImage> {
  const manifest = await takeDockerArchive(archive, cache).catch((cause) => {
    throw cause instanceof ArchiveUnusable
      ? new ImageUnavailable(text, cause.message, { cause })
      : cause;
  });
  const { mediaType: type, digest, bytes, config, layers } = manifest;
  return {
    reference,
    apiHost: "the local docker",
    descriptor: { mediaType: type, digest, size: bytes.byteLength },
    documents: new Map([[digest, bytes]]),
    manifest,
    blobs: [...new Map([config, ...layers].map((blob) => [blob.digest, blob])).values()],
    open: () => {
      throw new ImageUnavailable(text, "its layers disappeared from the cache; build again");
    },
  };
}

function socketOf(host: string | undefined): string {
  if (host === undefined || host === "") return "/var/run/docker.sock";
  const path = /^unix:\/\/(\/.+)$/.exec(host)?.[1];
  if (path !== undefined) return path;
  throw new UsageError("--use-local needs a docker on a socket of this machine", {
    where: "DOCKER_HOST",
    hint: "set DOCKER_HOST to unix:///path/of/the/socket",
  });
}
