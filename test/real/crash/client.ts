/**
 * One client of a registry that crashes now and then: it pushes, tags and deletes images and adds and
 * removes packages in names of its own, one request at a time, and remembers what it was promised.
 */
import assert from "node:assert/strict";
import { type Digest, digestOf } from "../../../src/oci/digest.ts";
import type { Random } from "../../random.ts";
import { type ImageParts, imageOf } from "../../registry/content.ts";
import { type Connection, Killed } from "./connection.ts";
import { Expected } from "./expected.ts";
import { PackageClient } from "./package-client.ts";
import { pushBlob } from "./push.ts";

const mostImages = 4;
const tags = ["latest", "v1", "v2"];
/** More than one part of an upload to a bucket. */
const largeBytes = 9_000_000;

interface PushedImage {
  readonly image: ImageParts;
  readonly here: Expected<boolean>;
}

export class CrashClient {
  /** Steps that were acknowledged: a push with all its blobs, a tag, a package … */
  acknowledged = 0;
  readonly #repository: string;
  readonly #random: Random;
  readonly #largeBlobs: boolean;
  readonly #packages: PackageClient;
  readonly #images = new Map<Digest, PushedImage>();
  readonly #tags = new Map(tags.map((tag) => [tag, new Expected<Digest | undefined>(undefined)]));
  #made = 0;

  /** @param largeBlobs whether some layers come in several parts */
  constructor(number: number, random: Random, largeBlobs = false) {
    this.#largeBlobs = largeBlobs;
    this.#repository = `team/client-${number}`;
    this.#random = random;
    this.#packages = new PackageClient(`crash-${number}`, random);
  }

  /** Goes on until the server is killed. @param tell called for each acknowledged step */
  async work(connection: Connection, tell: () => void): Promise<void> {
    try {
      for (;;) {
        await this.#step(connection);
        this.acknowledged += 1;
        tell();
      }
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
    }
  }

  /** Compares all that this client has ever done with what is there. @returns manifests pulled whole */
  async verify(connection: Connection): Promise<number> {
    let pulled = 0;
    for (const [digest, { image, here }] of this.#images) {
      const target = `/v2/${this.#repository}/manifests/${digest}`;
      const { status, body } = await connection.fetch(target, [200, 404]);
      here.found(status === 200, target);
      if (status === 404) this.#images.delete(digest);
      else pulled += await this.#pull(connection, image, body);
    }
    for (const [tag, names] of this.#tags) {
      const target = `/v2/${this.#repository}/manifests/${tag}`;
      const { status, body } = await connection.fetch(target, [200, 404]);
      names.found(status === 200 ? digestOf(body) : undefined, target);
    }
    return pulled + (await this.#packages.verify(connection));
  }

  async #pull(connection: Connection, image: ImageParts, manifest: Buffer): Promise<1> {
    assert.equal(digestOf(manifest), image.manifest.digest);
    for (const { digest } of [image.config, ...image.layers]) {
      const { body } = await connection.fetch(`/v2/${this.#repository}/blobs/${digest}`, [200]);
      assert.equal(digestOf(body), digest);
    }
    return 1;
  }

  #step(connection: Connection): Promise<void> {
    const chance = this.#random.integer(1, 100);
    if (chance <= 25) return this.#packages.step(connection);
    const known = this.#some();
    if (known === undefined || (chance <= 65 && this.#images.size < mostImages)) {
      return this.#push(connection);
    }
    if (chance <= 80) return this.#tag(connection, known, this.#random.pick(tags));
    if (chance <= 88) return this.#untag(connection, this.#random.pick(tags));
    return this.#delete(connection, known);
  }

  #some(): PushedImage | undefined {
    const here = [...this.#images.values()].filter(({ here: { certain } }) => certain === true);
    return here.length > 0 ? this.#random.pick(here) : undefined;
  }

  /** Layers are shared with other clients, the manifest is nobody else's. */
  async #push(connection: Connection): Promise<void> {
    this.#made += 1;
    const annotations = { made: `${this.#repository} ${this.#made}` };
    const large = this.#largeBlobs && this.#random.integer(1, 12) === 1;
    const image = large
      ? imageOf(this.#random.integer(41, 60), { annotations, layerBytes: largeBytes })
      : imageOf(this.#random.integer(1, 40), { annotations });
    for (const content of [image.config, ...image.layers]) {
      await pushBlob(this.#random, connection, this.#repository, content);
    }
    const pushed = { image, here: new Expected(false) };
    this.#images.set(image.manifest.digest, pushed);
    if (this.#random.integer(1, 2) === 1) {
      return this.#tag(connection, pushed, this.#random.pick(tags));
    }
    await this.#put(connection, pushed, image.manifest.digest);
  }

  async #tag(connection: Connection, pushed: PushedImage, tag: string): Promise<void> {
    const { digest } = pushed.image.manifest;
    this.#tags.get(tag)?.begin(digest);
    await this.#put(connection, pushed, tag);
    this.#tags.get(tag)?.acknowledged(digest);
  }

  async #put(connection: Connection, { image, here }: PushedImage, name: string): Promise<void> {
    here.begin(true);
    await connection.fetch(`/v2/${this.#repository}/manifests/${name}`, [201], {
      method: "PUT",
      headers: { "content-type": image.manifest.mediaType },
      body: image.manifest.bytes,
    });
    here.acknowledged(true);
  }

  async #untag(connection: Connection, tag: string): Promise<void> {
    const names = this.#tags.get(tag);
    if (names?.certain === undefined) return this.#push(connection);
    names.begin(undefined);
    await connection.fetch(`/v2/${this.#repository}/manifests/${tag}`, [202], { method: "DELETE" });
    names.acknowledged(undefined);
  }

  async #delete(connection: Connection, { image, here }: PushedImage): Promise<void> {
    const { digest } = image.manifest;
    const naming = [...this.#tags.values()].filter(({ certain }) => certain === digest);
    here.begin(false);
    for (const names of naming) names.begin(undefined);
    const target = `/v2/${this.#repository}/manifests/${digest}`;
    await connection.fetch(target, [202], { method: "DELETE" });
    here.acknowledged(false);
    for (const names of naming) names.acknowledged(undefined);
  }
}
