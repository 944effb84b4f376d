/**
 * The catalogue as readers see it: published packages and the assets that may be fetched.
 *
 * Worked out once per change of the catalogue document; while that is unchanged, answers come from
 * memory.
 */
import type { PackageAsset } from "../packages/package-content.ts";
import { inParallel } from "../registry/in-parallel.ts";
import { layout } from "../registry/layout.ts";
import type { Document } from "../storage/document.ts";
import type { CachePolicy } from "../storage/document-cache.ts";
import type { Revision } from "../storage/object-store.ts";
import type { RecentDocuments } from "../storage/recent-documents.ts";
import { ObjectDamaged, StoreUnavailable } from "../storage/store-error.ts";
import { type CatalogEntry, type CatalogValue, emptyCatalog } from "./catalog-document.ts";
import type { CatalogSnapshot, PackageRecord } from "./package-record.ts";
import type { PackageRecords } from "./package-records.ts";
import type { StoredCatalog } from "./stored-catalog.ts";

interface View {
  readonly document: Document<CatalogValue> | undefined;
  readonly snapshot: CatalogSnapshot;
  /** By path, also those of retired packages: services fetch them again when they restart. */
  readonly assets: ReadonlyMap<string, PackageAsset>;
}

type ReadEntry =
  | { readonly entry: CatalogEntry; readonly record: PackageRecord }
  | { readonly entry: CatalogEntry; readonly cause: unknown };

/** It weighs nothing: the view holds it in any case, and a large one must not be read for each reader. */
const policy: CachePolicy<CatalogValue> = {
  keeps: (document) => document !== undefined,
};

/** Of records at a time: each takes an open file, or a request to a bucket. */
const reads = 64;

export class CatalogView {
  readonly #documents: RecentDocuments;
  readonly #stored: StoredCatalog;
  readonly #records: PackageRecords;
  #view: View | undefined;
  #projecting:
    | { readonly revision: Revision | undefined; readonly done: Promise<View> }
    | undefined;

  constructor(documents: RecentDocuments, stored: StoredCatalog, records: PackageRecords) {
    this.#documents = documents;
    this.#stored = stored;
    this.#records = records;
  }

  async snapshot(): Promise<CatalogSnapshot> {
    return (await this.#current()).snapshot;
  }

  /** What `snapshot` would give in this turn; undefined when it would ask the store. */
  recall(): CatalogSnapshot | undefined {
    const document = this.#documents.recall(layout.catalog, policy)?.document;
    if (document === undefined || document.revision !== this.#view?.document?.revision)
      return undefined;
    return this.#view.snapshot;
  }

  async asset(path: string): Promise<PackageAsset | undefined> {
    return (await this.#current()).assets.get(path);
  }

  async #current(): Promise<View> {
    const document = await this.#read();
    if (this.#view && this.#view.document?.revision === document?.revision) return this.#view;
    // Documents never go away: this is a lost disk, and not a registry without packages.
    if (this.#view?.document && !document) throw new StoreUnavailable("the catalogue vanished");
    return this.#shared(document);
  }

  /** However many ask at once, one of them reads the records. */
  #shared(document: Document<CatalogValue> | undefined): Promise<View> {
    const running = this.#projecting;
    if (running && running.revision === document?.revision) return running.done;
    const done = this.#project(document).then((view) => {
      this.#view = view;
      return view;
    });
    const projecting = { revision: document?.revision, done };
    this.#projecting = projecting;
    const settled = () => {
      if (this.#projecting === projecting) this.#projecting = undefined;
    };
    done.then(settled, settled);
    return done;
  }

  async #read(): Promise<Document<CatalogValue> | undefined> {
    try {
      const document = await this.#documents.read(layout.catalog, policy);
      if (document) return document;
    } catch (error) {
      if (!(error instanceof ObjectDamaged)) throw error;
    }
    return this.#stored.read();
  }

  async #project(document: Document<CatalogValue> | undefined): Promise<View> {
    const { entries } = document?.value ?? emptyCatalog;
    const shown = entries.filter(({ state }) => state !== "pending");
    const all = await inParallel(shown, reads, (entry) => this.#readEntry(entry));
    const readable = all.filter((one) => "record" in one);
    return {
      document,
      snapshot: {
        generation: String(document?.generation ?? 0),
        packages: readable
          .filter(({ entry }) => entry.state === "committed")
          .map(({ entry, record }) => ({ record, releaseVersion: entry.releaseVersion })),
        unreadable: all
          .filter((one) => "cause" in one)
          .filter(({ entry }) => entry.state === "committed")
          .map(({ entry: { name, version }, cause }) => ({ name, version, cause })),
      },
      assets: new Map(
        readable.flatMap(({ record }) =>
          record.assets.map((asset) => [asset.path, asset] as const),
        ),
      ),
    };
  }

  /** One damaged record costs one package, not the index of the whole cluster. */
  async #readEntry(entry: CatalogEntry): Promise<ReadEntry> {
    try {
      return { entry, record: await this.#records.read(entry.record) };
    } catch (cause) {
      if (cause instanceof ObjectDamaged) return { entry, cause };
      throw cause;
    }
  }
}
