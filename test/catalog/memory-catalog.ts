/**
 * A catalogue in memory, complete in behaviour: the counterpart of routes and index in tests.
 *
 * Its "bundle" is a JSON text of `PackageParts` instead of a tar, so that a test can write one.
 */
import type {
  AddedPackage,
  AddOptions,
  Catalog,
  PackageBundle,
  RemoveOptions,
} from "../../src/catalog/catalog.ts";
import {
  PackageConflict,
  PackageNotFound,
  VersionNotFound,
} from "../../src/catalog/catalog-error.ts";
import type { CatalogSnapshot, PublishedPackage } from "../../src/catalog/package-record.ts";
import { type Digest, digestOf } from "../../src/oci/digest.ts";
import { ManifestUnknown } from "../../src/oci/registry-error.ts";
import { BundleInvalid } from "../../src/packages/bundle-error.ts";
import type { PackageAsset } from "../../src/packages/package-content.ts";
import { namedContents, type PackageParts, publishedPackage } from "./published-package.ts";

export class MemoryCatalog implements Catalog {
  /** When set, reading fails with it. */
  failure: Error | undefined;
  /** Whether readers may be answered from memory. */
  remembers = true;
  /** How often a snapshot was asked for. */
  reads = 0;
  /** Blobs by digest: the content of files, and of images by their reference. */
  readonly blobs = new Map<Digest, Buffer>();
  readonly removedForGood: Digest[] = [];
  readonly #pushed = new Map<Digest, PublishedPackage>();
  readonly #bundles = new Map<Digest, Buffer>();
  readonly #assets = new Map<string, PackageAsset>();
  #packages: readonly PublishedPackage[] = [];
  #generation = 0;
  #clock: number;

  constructor(startSeconds = 1_700_000_000) {
    this.#clock = startSeconds;
  }

  async snapshot(): Promise<CatalogSnapshot> {
    this.reads += 1;
    if (this.failure) throw this.failure;
    return { generation: String(this.#generation), packages: this.#packages };
  }

  recall(): CatalogSnapshot | undefined {
    if (this.failure || !this.remembers) return undefined;
    return { generation: String(this.#generation), packages: this.#packages };
  }

  async ingest(
    bundle: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    options: AddOptions = {},
  ): Promise<AddedPackage> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of bundle) {
      signal.throwIfAborted();
      if (chunks.length === 0 && chunk[0] !== 0x7b)
        throw new BundleInvalid("not a bundle", { hint: "build it again" });
      chunks.push(chunk);
    }
    const text = Buffer.concat(chunks);
    const root = this.push(JSON.parse(text.toString()));
    this.#bundles.set(root, text);
    return this.publish(root, options);
  }

  /** The JSON text that came in. */
  async bundle(root: Digest): Promise<PackageBundle | undefined> {
    const text = this.#bundles.get(root);
    const found = this.#packages.find(({ record }) => record.root === root);
    if (text === undefined || found === undefined) return undefined;
    const { name, version } = found.record.definition;
    const read = async function* (range?: { start: number; end: number }) {
      yield range ? text.subarray(range.start, range.end + 1) : text;
    };
    return { name, version, size: text.byteLength, read };
  }

  /** Stores content without publishing it, as pushing its blobs through `/v2` does. */
  push(parts: PackageParts): Digest {
    const found = publishedPackage(parts);
    for (const [, content] of namedContents(parts.files)) {
      this.blobs.set(digestOf(content), Buffer.from(content));
    }
    for (const { reference, descriptor } of found.record.images) {
      this.blobs.set(descriptor.digest, Buffer.from(reference));
    }
    this.#pushed.set(found.record.root, found);
    return found.record.root;
  }

  async publish(root: Digest, { releaseVersion }: AddOptions = {}): Promise<AddedPackage> {
    const pushed = this.#pushed.get(root);
    if (!pushed) throw new ManifestUnknown(`${root} is not here`);
    const { name, version } = pushed.record.definition;
    const present = this.#find(name, version);
    if (present?.record.root === root) return { ...present, created: false };
    if (present) throw new PackageConflict(present);
    this.#clock += 1;
    const added = { record: pushed.record, releaseVersion: releaseVersion ?? this.#clock };
    this.#packages = [...this.#packages, added];
    for (const asset of added.record.assets) this.#assets.set(asset.path, asset);
    this.#generation += 1;
    return { ...added, created: true };
  }

  async remove(
    name: string,
    version: string,
    { now = false }: RemoveOptions = {},
  ): Promise<PublishedPackage> {
    const present = this.#find(name, version);
    if (!present) {
      const known = this.#packages.some(({ record }) => record.definition.name === name);
      throw known ? new VersionNotFound(name, version) : new PackageNotFound(name);
    }
    this.#packages = this.#packages.filter((one) => one !== present);
    this.#generation += 1;
    if (now) this.removedForGood.push(present.record.root);
    return present;
  }

  async asset(path: string): Promise<PackageAsset | undefined> {
    return this.#assets.get(path);
  }

  /** Adds a package in one call. */
  async add(parts: PackageParts): Promise<AddedPackage> {
    return this.publish(this.push(parts));
  }

  #find(name: string, version: string): PublishedPackage | undefined {
    return this.#packages.find(
      ({ record: { definition } }) => definition.name === name && definition.version === version,
    );
  }
}
