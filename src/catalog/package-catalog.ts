/**
 * The catalogue over the object store.
 *
 * Adding and removing a package are one accepted write of one document each; everything before is
 * preparation that nobody sees, and is undone when the package cannot be published. Follows
 * CONTRIBUTING.md "Storage protocol", PACKAGE ADD.
 */
import { randomBytes } from "node:crypto";
import type { Digest } from "../oci/digest.ts";
import { BlobUnknown } from "../oci/registry-error.ts";
import { readBundleRange } from "../packages/bundle-range.ts";
import { readBundle } from "../packages/bundle-reader.ts";
import { checkPackageImages, type StoredContent } from "../packages/check-package-images.ts";
import type { PackageAsset, PackageContent } from "../packages/package-content.ts";
import { readPackageContent } from "../packages/read-package-content.ts";
import type { Registry } from "../registry/registry.ts";
import { ManifestBlobUnknown } from "../registry/registry-errors.ts";
import { StoreUnavailable } from "../storage/store-error.ts";
import type { AddedPackage, AddOptions, Catalog, PackageBundle, RemoveOptions } from "./catalog.ts";
import {
  type CatalogEntry,
  committed,
  findCommitted,
  findRetired,
  retired,
  withEntry,
  withoutEntry,
  withoutVersion,
} from "./catalog-document.ts";
import {
  PackageConflict,
  PackageIncomplete,
  PackageNotFound,
  VersionNotFound,
} from "./catalog-error.ts";
import { CatalogView } from "./catalog-view.ts";
import { planPackage } from "./package-bundle.ts";
import { PackagePublication } from "./package-publication.ts";
import type { CatalogSnapshot, PackageRecord, PublishedPackage } from "./package-record.ts";
import { digestOfRecord, PackageRecords } from "./package-records.ts";
import { StoredCatalog } from "./stored-catalog.ts";

export interface PackageCatalogOptions {
  readonly now?: () => Date;
}

export class PackageCatalog implements Catalog {
  readonly #registry: Registry;
  readonly #stored: StoredCatalog;
  readonly #records: PackageRecords;
  readonly #view: CatalogView;
  readonly #now: () => Date;

  constructor(registry: Registry, { now = () => new Date() }: PackageCatalogOptions = {}) {
    this.#registry = registry;
    this.#stored = new StoredCatalog(registry.documents);
    this.#records = new PackageRecords(registry.documents);
    this.#view = new CatalogView(registry.recent, this.#stored, this.#records);
    this.#now = now;
  }

  snapshot(): Promise<CatalogSnapshot> {
    return this.#view.snapshot();
  }

  recall(): CatalogSnapshot | undefined {
    return this.#view.recall();
  }

  asset(path: string): Promise<PackageAsset | undefined> {
    return this.#view.asset(path);
  }

  async bundle(root: Digest): Promise<PackageBundle | undefined> {
    const { packages } = await this.snapshot();
    const found = packages.find(({ record }) => record.root === root);
    if (found === undefined) return undefined;
    const { blobs, options } = this.#registry;
    const { record } = found;
    const plan = await planPackage(record, (digest) => blobs.bytes(digest, options.manifestLimit));
    const { name, version } = record.definition;
    return {
      name,
      version,
      size: plan.size,
      read: (range, signal) =>
        readBundleRange(
          plan,
          async (digest, part) => (await blobs.open(digest)).open(part, signal),
          range,
        ),
    };
  }

  async ingest(
    bundle: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    options: AddOptions = {},
  ): Promise<AddedPackage> {
    const { blobs } = this.#registry;
    const sink = {
      blob: (digest: Digest, size: number, body: AsyncIterable<Buffer>) =>
        blobs.push(digest, body, size),
    };
    const { root } = await readBundle(bundle, sink, { signal });
    return this.publish(root.digest, options);
  }

  async publish(root: Digest, wanted: AddOptions = {}): Promise<AddedPackage> {
    const { blobs, options } = this.#registry;
    const content = await readPackageContent(root, (digest) =>
      blobs.bytes(digest, options.manifestLimit),
    );
    await checkPackageImages(content, storedIn(blobs, options.manifestLimit));
    const { name, version } = content.definition;
    const publication = new PackagePublication(this.#registry, content);
    const added =
      (await this.#present(name, version, root, publication)) ??
      (await this.#add(content, publication, wanted));
    await publication.list();
    return added;
  }

  async #add(
    { root, definition: { name, version } }: PackageContent,
    publication: PackagePublication,
    wanted: AddOptions,
  ): Promise<AddedPackage> {
    const record = await publication.prepare();
    const entry = await this.#pend(name, version, digestOfRecord(record), root);
    try {
      // Behind its entry, so that a collector which has not seen that finds the record changed.
      await this.#records.write(record);
      const releaseVersion = await this.#complete(entry, record, publication, wanted);
      return { record, releaseVersion, created: true };
    } catch (error) {
      await this.#stored.update((catalog) => withoutEntry(catalog, entry.id));
      const twin = await this.#present(name, version, root).catch(() => undefined);
      if (twin) return twin; // somebody else added the very same at the same time
      await publication.undo();
      throw error;
    }
  }

  async remove(
    name: string,
    version: string,
    { now = false }: RemoveOptions = {},
  ): Promise<PublishedPackage> {
    let removed: CatalogEntry | undefined;
    const { entries } = await this.#stored.update((catalog) => {
      removed = findCommitted(catalog, name, version);
      if (now) removed ??= findRetired(catalog, name, version);
      if (removed && now) return withoutVersion(catalog, removed);
      return removed && retired(catalog, removed.id, this.#now().toISOString());
    });
    if (removed) return this.#published(removed);
    const known = entries.some((entry) => entry.state === "committed" && entry.name === name);
    throw known ? new VersionNotFound(name, version) : new PackageNotFound(name);
  }

  /**
   * @param again makes what is here complete again: a damaged disk may have lost some of it
   * @throws {PackageConflict} when this version is here with other content
   */
  async #present(
    name: string,
    version: string,
    root: Digest,
    again?: PackagePublication,
  ): Promise<AddedPackage | undefined> {
    const current = await this.#stored.read();
    const entry = current && findCommitted(current.value, name, version);
    if (entry === undefined) return undefined;
    if (entry.root !== root) throw new PackageConflict(await this.#published(entry));
    if (again) {
      await this.#stored.copy(); // whoever has added it may not have come to that
      await this.#records.write(await again.prepare());
      await again.restore();
    }
    return { ...(await this.#published(entry)), created: false };
  }

  async #pend(name: string, version: string, record: Digest, root: Digest): Promise<CatalogEntry> {
    const entry: CatalogEntry = {
      id: randomBytes(12).toString("hex"),
      name,
      version,
      state: "pending",
      record,
      root,
      releaseVersion: 0,
      addedAt: this.#now().toISOString(),
    };
    await this.#stored.change((catalog) => withEntry(catalog, entry));
    return entry;
  }

  /** After the entry was written: what is found here now stays here until it is committed. */
  async #complete(
    entry: CatalogEntry,
    record: PackageRecord,
    publication: PackagePublication,
    wanted: AddOptions,
  ): Promise<number> {
    const absent = await this.#registry.manifests.absent(new Set(record.closure));
    if (absent.length > 0) throw new PackageIncomplete(absent);
    // A collector that has read the catalogue before the entry was there finds these links changed.
    await publication.link().catch(explainMissing);
    await publication.name();
    return this.#commit(entry, wanted);
  }

  /** Uniqueness is decided here, in the write that makes the package visible. */
  async #commit(
    { id, name, version, root }: CatalogEntry,
    { releaseVersion }: AddOptions,
  ): Promise<number> {
    const nowSeconds = Math.floor(this.#now().getTime() / 1000);
    const catalog = await this.#stored.update((current) =>
      findCommitted(current, name, version)
        ? undefined
        : committed(current, id, nowSeconds, releaseVersion),
    );
    const entry = findCommitted(catalog, name, version);
    if (entry?.id === id) return entry.releaseVersion;
    if (entry && entry.root !== root) throw new PackageConflict(await this.#published(entry));
    throw new StoreUnavailable(`adding ${name} ${version} took too long`);
  }

  async #published({ record, releaseVersion }: CatalogEntry): Promise<PublishedPackage> {
    return { record: await this.#records.read(record), releaseVersion };
  }
}

function storedIn(blobs: Registry["blobs"], limit: number): StoredContent {
  return {
    read: (digest) => blobs.bytes(digest, limit),
    sizeOf: async (digest) => {
      const blob = await blobs.require(digest).catch(unlessUnknown);
      return blob?.size;
    },
  };
}

function unlessUnknown(error: unknown): undefined {
  if (!(error instanceof BlobUnknown)) throw error;
}

/** To whoever adds a package, a manifest without its content is an incomplete package. */
function explainMissing(cause: unknown): never {
  if (!(cause instanceof ManifestBlobUnknown)) throw cause;
  const digests = cause.detail["digests"];
  throw new PackageIncomplete(Array.isArray(digests) ? digests.map(String) : [], { cause });
}
