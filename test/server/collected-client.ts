/**
 * A client of a registry that collects: pushes, pulls and deletes images as docker does.
 *
 * Layers are drawn from a few that all clients share, so that one deletes what another is about to
 * say is there. Every answer is checked; what was acknowledged must be whole until it is deleted.
 */
import assert from "node:assert/strict";
import type { Dispatcher, Pool } from "undici";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { mediaType } from "../../src/oci/media-type.ts";
import type { Random } from "../random.ts";
import { pattern } from "../storage/bytes.ts";

interface Image {
  readonly manifest: Buffer;
  readonly digest: Digest;
  readonly blobs: readonly Buffer[];
}

export class CollectedClient {
  readonly #pool: Pool;
  readonly #repository: string;
  readonly #random: Random;
  readonly #patienceMs: number;
  readonly #kept: Image[] = [];
  #made = 0;
  /** Requests that were answered as they should be. */
  operations = 0;
  /** Pushes that took longer than what the registry promises. */
  late = 0;

  /** @param patienceMs how long a blob that is said to be there stays without a reference */
  constructor(pool: Pool, repository: string, random: Random, patienceMs: number) {
    this.#pool = pool;
    this.#repository = repository;
    this.#random = random;
    this.#patienceMs = patienceMs;
  }

  get kept(): readonly Image[] {
    return this.#kept;
  }

  async turn(): Promise<void> {
    const dice = this.#random.integer(1, 10);
    if (this.#kept.length === 0 || dice <= 4) await this.#pushImage();
    else if (dice <= 6) await this.pull(this.#random.pick(this.#kept));
    else if (dice <= 8 || this.#kept.length > 5) await this.#deleteOne();
    else if (dice === 9) await this.#abandonUpload();
    else await this.#pushUnused();
  }

  async pull({ manifest, digest, blobs }: Image): Promise<void> {
    const got = await this.#ask("GET", `manifests/${digest}`, [200]);
    assert.ok(got.bytes.equals(manifest), `${digest} as it was put`);
    for (const blob of blobs) {
      const { bytes } = await this.#ask("GET", `blobs/${digestOf(blob)}`, [200]);
      assert.ok(bytes.equals(blob), `blob of ${digest}`);
    }
  }

  async deleteAll(): Promise<void> {
    while (this.#kept.length > 0) await this.#deleteOne();
  }

  async #deleteOne(): Promise<void> {
    const [image] = this.#kept.splice(this.#random.integer(0, this.#kept.length - 1), 1);
    if (image) await this.#ask("DELETE", `manifests/${image.digest}`, [202]);
  }

  async #pushImage(): Promise<void> {
    const image = this.#newImage();
    for (;;) {
      const begun = performance.now();
      for (const blob of image.blobs) await this.#pushBlob(blob);
      const headers = { "content-type": mediaType.dockerManifest };
      const path = `manifests/${this.#random.pick([image.digest, "latest"])}`;
      const put = await this.#ask("PUT", path, [201, 404], headers, image.manifest);
      if (put.status === 201) break;
      // A machine that stands still for that long breaks the promise for its client.
      assert.ok(performance.now() - begun > this.#patienceMs, put.bytes.toString());
      this.late += 1;
    }
    this.#kept.push(image);
    if (this.#random.integer(1, 3) === 1) await this.pull(image);
  }

  async #pushBlob(blob: Buffer): Promise<void> {
    const digest = digestOf(blob);
    const { status } = await this.#ask("HEAD", `blobs/${digest}`, [200, 404]);
    if (status === 200) return;
    const location = await this.#startUpload();
    if (this.#random.integer(1, 2) === 1) {
      await this.#send("PUT", withDigest(location, digest), [201], octets, blob);
      return;
    }
    const half = Math.ceil(blob.byteLength / 2);
    const { headers } = await this.#send("PATCH", location, [202], octets, blob.subarray(0, half));
    const target = withDigest(String(headers["location"]), digest);
    await this.#send("PUT", target, [201], octets, blob.subarray(half));
  }

  async #startUpload(): Promise<string> {
    const { headers } = await this.#ask("POST", "blobs/uploads/", [202]);
    return String(headers["location"]);
  }

  /** What a client leaves that is killed in the middle. */
  async #abandonUpload(): Promise<void> {
    const location = await this.#startUpload();
    await this.#send("PATCH", location, [202], octets, this.#unique(30_000));
  }

  async #pushUnused(): Promise<void> {
    await this.#pushBlob(this.#unique(20_000));
  }

  #newImage(): Image {
    const config = Buffer.from(JSON.stringify({ made: this.#unique(20).toString("hex") }));
    const shared = pattern(17_000, this.#random.integer(1, 12));
    const blobs = [config, shared, this.#unique(this.#random.pick([900, 40_000]))];
    const describe = (blob: Buffer, type: string) => ({
      mediaType: type,
      digest: digestOf(blob),
      size: blob.byteLength,
    });
    const document = {
      schemaVersion: 2,
      mediaType: mediaType.dockerManifest,
      config: describe(config, mediaType.dockerConfig),
      layers: blobs.slice(1).map((blob) => describe(blob, mediaType.dockerLayerGzip)),
    };
    const manifest = Buffer.from(JSON.stringify(document));
    return { manifest, digest: digestOf(manifest), blobs };
  }

  #unique(size: number): Buffer {
    this.#made += 1;
    const bytes = pattern(size, this.#random.integer(1, 1_000_000_000));
    bytes.write(`${this.#repository} ${this.#made} `);
    return bytes;
  }

  #ask(
    method: Dispatcher.HttpMethod,
    path: string,
    expected: readonly number[],
    headers: Record<string, string> = {},
    body?: Buffer,
  ) {
    return this.#send(method, `/v2/${this.#repository}/${path}`, expected, headers, body);
  }

  async #send(
    method: Dispatcher.HttpMethod,
    path: string,
    expected: readonly number[],
    headers: Record<string, string>,
    body?: Buffer,
  ) {
    const answer = await this.#pool.request({ method, path, headers, ...(body && { body }) });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    const { statusCode: status } = answer;
    assert.ok(expected.includes(status), `${method} ${path}: ${status} ${bytes.toString()}`);
    this.operations += 1;
    return { status, bytes, headers: answer.headers };
  }
}

const octets = { "content-type": "application/octet-stream" };

function withDigest(location: string, digest: Digest): string {
  return `${location}${location.includes("?") ? "&" : "?"}digest=${encodeURIComponent(digest)}`;
}
