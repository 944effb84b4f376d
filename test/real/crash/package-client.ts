/** Adds packages, as a file and blob by blob, and removes them; each is there whole, or not at all. */
import assert from "node:assert/strict";
import { type Digest, digestOf } from "../../../src/oci/digest.ts";
import { fixedBody } from "../../fixtures/body.ts";
import { type Bundle, bundleBytes, makeBundle } from "../../fixtures/bundle.ts";
import type { Random } from "../../random.ts";
import { pattern } from "../../storage/bytes.ts";
import type { Connection } from "./connection.ts";
import { Expected } from "./expected.ts";
import { pushBlob } from "./push.ts";

const mostPackages = 2;

interface Described {
  readonly assets: readonly { readonly url: string; readonly digest: Digest }[];
  readonly images: readonly { readonly image: string; readonly digest: Digest }[];
}

interface ListedPackages {
  readonly packages: readonly { readonly name: string; readonly version: string }[];
}

export class PackageClient {
  readonly #name: string;
  readonly #random: Random;
  readonly #versions = new Map<string, Expected<boolean>>();
  #made = 0;

  constructor(name: string, random: Random) {
    this.#name = name;
    this.#random = random;
  }

  step(connection: Connection): Promise<void> {
    const here = [...this.#versions].filter(([, { certain }]) => certain === true);
    const [oldest] = here;
    if (oldest && here.length >= mostPackages) return this.#remove(connection, ...oldest);
    return this.#add(connection);
  }

  /** @returns manifests that were pulled whole */
  async verify(connection: Connection): Promise<number> {
    const { packages } = await connection.post<ListedPackages>("/package/list", {});
    const listed = packages.filter(({ name }) => name === this.#name);
    const known = new Set(this.#versions.keys());
    for (const { version } of listed) assert.ok(known.has(version), `${this.#name} ${version}`);
    let pulled = 0;
    for (const [version, here] of this.#versions) {
      const is = listed.some((one) => one.version === version);
      here.found(is, `${this.#name} ${version}`);
      if (is) pulled += await this.#pull(connection, version);
      else this.#versions.delete(version);
    }
    return pulled;
  }

  async #pull(connection: Connection, packageVersion: string): Promise<number> {
    const { body } = await connection.fetch(`/repo/${this.#name}`, [200]);
    assert.match(body.toString(), new RegExp(`"version":"${packageVersion}"`));
    const wanted = { packageName: this.#name, packageVersion };
    const { assets, images } = await connection.post<Described>("/package/describe", wanted);
    assert.equal(assets.length, 1);
    for (const { url, digest } of assets) {
      assert.equal(digestOf((await connection.fetch(url, [200])).body), digest);
    }
    for (const { image, digest } of images) {
      const [, repository = "", tag = ""] = /^[^/]+\/(.+):([^:]+)$/.exec(image) ?? [];
      assert.equal(await this.#pullImage(connection, repository, tag), digest);
    }
    return images.length;
  }

  async #pullImage(connection: Connection, repository: string, tag: string): Promise<Digest> {
    const headers = { accept: "*/*" };
    const target = `/v2/${repository}/manifests/${tag}`;
    const { body } = await connection.fetch(target, [200], { headers });
    const { config, layers } = JSON.parse(body.toString()) as {
      config: { digest: Digest };
      layers: { digest: Digest }[];
    };
    for (const { digest } of [config, ...layers]) {
      const blob = await connection.fetch(`/v2/${repository}/blobs/${digest}`, [200]);
      assert.equal(digestOf(blob.body), digest);
    }
    return digestOf(body);
  }

  async #add(connection: Connection): Promise<void> {
    this.#made += 1;
    const version = `${this.#made}.0`;
    const asset = fixedBody(pattern(this.#random.pick([500, 60_000]), this.#made));
    const bundle = await makeBundle({ name: this.#name, version, assets: { "file.bin": asset } });
    const here = new Expected(false);
    this.#versions.set(version, here);
    here.begin(true);
    if (this.#random.integer(1, 2) === 1) await addFile(connection, bundle);
    else await this.#addByBlobs(connection, bundle);
    here.acknowledged(true);
  }

  async #addByBlobs(connection: Connection, { plan, root, stream }: Bundle): Promise<void> {
    const whole = await bundleBytes({ plan, root, stream });
    for (const { digest, offset, size } of contentsOf(whole)) {
      const bytes = whole.subarray(offset, offset + size);
      await pushBlob(this.#random, connection, `team/${this.#name}`, { digest, bytes });
    }
    await connection.post("/package/add", { root });
  }

  async #remove(connection: Connection, version: string, here: Expected<boolean>): Promise<void> {
    here.begin(false);
    await connection.post("/package/remove", { packageName: this.#name, packageVersion: version });
    here.acknowledged(false);
  }
}

async function addFile(connection: Connection, bundle: Bundle): Promise<void> {
  await connection.fetch("/package/add", [200], {
    method: "POST",
    headers: { "content-type": "application/x-tar" },
    body: await bundleBytes(bundle),
  });
}

/** The blobs of a plain tar: names `blobs/sha256/<hex>`, sizes in octal. */
function contentsOf(tar: Buffer): { digest: Digest; offset: number; size: number }[] {
  const found = [];
  for (let at = 0; at + 512 <= tar.byteLength && tar[at] !== 0; ) {
    const name = tar.toString("latin1", at, at + 100).replace(/\0.*$/s, "");
    const size = Number.parseInt(tar.toString("latin1", at + 124, at + 135), 8);
    const hex = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name)?.[1];
    if (hex) found.push({ digest: `sha256:${hex}` as Digest, offset: at + 512, size });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return found;
}
