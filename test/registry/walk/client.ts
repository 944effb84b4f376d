/** A client that pushes, checks, puts and deletes at random, and remembers what it was promised. */
import assert from "node:assert/strict";
import type { Digest } from "../../../src/oci/digest.ts";
import { mediaType } from "../../../src/oci/media-type.ts";
import { BlobUnknown, ManifestUnknown, RegistryError } from "../../../src/oci/registry-error.ts";
import { collect } from "../../../src/registry/blob.ts";
import type { Registry } from "../../../src/registry/registry.ts";
import { StoreUnavailable } from "../../../src/storage/store-error.ts";
import type { Random } from "../../random.ts";
import { pattern } from "../../storage/bytes.ts";
import {
  type Content,
  contentOf,
  type ImageParts,
  manifestOf,
  noBody,
  repository,
} from "../content.ts";

/** What all clients together know of the manifests that must be visible. */
export class Promises {
  readonly must = new Set<Digest>();
  acknowledged = 0;
  pulled = 0;
  refused = 0;
  #clock = 0;
  readonly #deletes = new Map<Digest, number>();
  readonly #deleting = new Map<Digest, number>();
  readonly #deleted = new Map<Digest, number>();

  now(): number {
    this.#clock += 1;
    return this.#clock;
  }

  put(digest: Digest, started: number): void {
    this.acknowledged += 1;
    const overlapping = (this.#deleting.get(digest) ?? 0) > 0;
    if (!overlapping && (this.#deleted.get(digest) ?? 0) < started) this.must.add(digest);
  }

  /** Of one manifest so far; whatever is promised stays so until there is another. */
  deletes(digest: Digest): number {
    return this.#deletes.get(digest) ?? 0;
  }

  startDelete(digest: Digest): void {
    this.must.delete(digest);
    this.#deletes.set(digest, this.deletes(digest) + 1);
    this.#deleting.set(digest, (this.#deleting.get(digest) ?? 0) + 1);
  }

  /** Not called for a delete whose outcome is unknown: it may happen at any later time. */
  endDelete(digest: Digest): void {
    this.#deleting.set(digest, (this.#deleting.get(digest) ?? 0) - 1);
    this.#deleted.set(digest, this.now());
  }
}

const layers: readonly Content[] = [
  contentOf("a small layer"),
  contentOf("another"),
  ...[1, 2, 3, 4, 5, 6].map((seed) => contentOf(pattern(17_000 + seed, seed))),
];

/** All clients draw from the same few layers, and now and then put what another has put. */
export function imagesOf(random: Random): readonly ImageParts[] {
  return Array.from({ length: random.pick([3, 6, 20]) }, (_, number) => {
    const config = contentOf(JSON.stringify({ number }));
    const some = [random.pick(layers), random.pick(layers)];
    const describe = ({ bytes, digest }: Content, type: string) => ({
      mediaType: type,
      digest,
      size: bytes.byteLength,
    });
    const manifest = manifestOf(mediaType.dockerManifest, {
      config: describe(config, mediaType.dockerConfig),
      layers: some.map((layer) => describe(layer, mediaType.dockerLayerGzip)),
    });
    return { config, layers: some, manifest };
  });
}

export interface ClientOptions {
  readonly promises: Promises;
  readonly images: readonly ImageParts[];
  /** Whether it goes on with an upload after a failure, or gives it up. */
  readonly resumes: boolean;
}

export class WalkingClient {
  readonly #instances: readonly Registry[];
  readonly #random: Random;
  readonly #promises: Promises;
  readonly #images: readonly ImageParts[];
  readonly #resumes: boolean;

  /** @param instances each request goes to any of them */
  constructor(
    instances: readonly Registry[],
    random: Random,
    { promises, images, resumes }: ClientOptions,
  ) {
    this.#instances = instances;
    this.#random = random;
    this.#promises = promises;
    this.#images = images;
    this.#resumes = resumes;
  }

  get #registry(): Registry {
    return this.#random.pick(this.#instances);
  }

  async walk(turns: number): Promise<void> {
    for (let turn = 0; turn < turns; turn += 1) {
      const image = this.#random.pick(this.#images);
      // Refusals and failures are part of the walk; everything else is a bug.
      await this.#turn(image).catch((error: unknown) => {
        if (!(error instanceof RegistryError)) throw error;
        this.#promises.refused += 1;
      });
    }
  }

  async #turn(image: ImageParts): Promise<void> {
    if (this.#random.integer(1, 3) === 1) await this.#pull(this.#random.pick(this.#images));
    await (this.#random.integer(1, 5) <= 2 ? this.#delete(image) : this.#put(image));
  }

  /** What was promised is read whole, from whatever an instance remembers. */
  async #pull({ config, layers: content, manifest: { digest, bytes } }: ImageParts): Promise<void> {
    const promised = this.#promises.must.has(digest);
    const deletes = this.#promises.deletes(digest);
    const registry = this.#registry;
    try {
      await registry.manifests.find(repository, { digest });
      assert.deepEqual(await registry.manifests.bytes(digest), bytes);
      for (const part of [config, ...content]) {
        const body = await registry.blobs.stream(part.digest);
        assert.deepEqual(await collect(body, part.bytes.byteLength), part.bytes);
      }
      this.#promises.pulled += 1;
    } catch (error) {
      if (!(error instanceof ManifestUnknown || error instanceof BlobUnknown)) throw error;
      const stands = promised && this.#promises.deletes(digest) === deletes;
      assert.ok(!stands, `${digest} was acknowledged: ${error.message}`);
    }
  }

  async #put({ config, layers: content, manifest }: ImageParts): Promise<void> {
    for (const part of [config, ...content]) {
      if (!(await this.#registry.blobs.exists(part.digest))) await this.#push(part);
    }
    const started = this.#promises.now();
    await this.#registry.manifests.put(repository, manifest, ["latest"]);
    this.#promises.put(manifest.digest, started);
  }

  async #push(content: Content): Promise<void> {
    if (this.#random.integer(1, 2) === 1) {
      return this.#registry.blobs.push(content.digest, content.body());
    }
    const id = await this.#registry.uploads.start(repository);
    await this.#upload(id, content);
    await this.#finish(id, content.digest);
  }

  /** In chunks; after a failure it asks where to go on, as the specification says. */
  async #upload(id: string, { bytes }: Content): Promise<void> {
    for (let offset = 0; offset < bytes.byteLength; ) {
      const end = this.#random.pick([bytes.byteLength, Math.ceil((offset + bytes.byteLength) / 2)]);
      const body = contentOf(bytes.subarray(offset, end)).body();
      try {
        offset = await this.#registry.uploads.append(repository, id, { body, start: offset });
      } catch (error) {
        if (!(error instanceof StoreUnavailable && this.#resumes)) throw error;
        offset = await this.#registry.uploads.offset(repository, id);
      }
    }
  }

  /** Sends the closing request again after a failure, or impatiently at the same time. */
  async #finish(id: string, digest: Digest): Promise<void> {
    const close = (): Promise<void> =>
      this.#registry.uploads.finish(repository, id, digest, { body: noBody() });
    if (this.#random.integer(1, 3) > 1) return close().catch(close);
    const [first, second] = await Promise.allSettled([close(), close()]);
    if (first.status === "rejected" && second.status === "rejected") throw first.reason;
  }

  async #delete({ manifest: { digest } }: ImageParts): Promise<void> {
    this.#promises.startDelete(digest);
    try {
      await this.#registry.manifests.delete(repository, digest);
    } catch (error) {
      if (!(error instanceof ManifestUnknown)) throw error;
    }
    this.#promises.endDelete(digest);
  }
}
