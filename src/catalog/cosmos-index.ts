/**
 * The repository that Cosmos reads: a projection of the catalogue, always from memory.
 *
 * Built once per state of the catalogue; when the catalogue cannot be read, or does not answer, the
 * last good index is served, because one failing repository stops all packages of a cluster.
 */
import type { Catalog } from "./catalog.ts";
import type { IndexFile } from "./index-file.ts";
import { IndexGeneration, type IndexVariant } from "./index-generation.ts";
import type { CatalogSnapshot } from "./package-record.ts";
import type { ServedLocations } from "./repository-entry.ts";

export interface CosmosIndexOptions {
  readonly catalog: Pick<Catalog, "snapshot" | "recall">;
  readonly locations: ServedLocations;
  /** How long a reader waits for the catalogue when there is an older index to give. */
  readonly patienceMs?: number;
}

export interface IndexHealth {
  /** Packages in the index. */
  readonly packageCount: number;
  /** Why this is an old index: the catalogue's error. */
  readonly failure?: unknown;
  /** Packages that could not be rendered, `<name> <version>`. */
  readonly leftOut: readonly string[];
}

export class CosmosIndex {
  readonly #catalog: Pick<Catalog, "snapshot" | "recall">;
  readonly #locations: ServedLocations;
  readonly #patienceMs: number;
  /** The last good index. */
  #last: IndexGeneration | undefined;
  #building: { readonly id: string; readonly done: Promise<IndexGeneration> } | undefined;

  constructor({ catalog, locations, patienceMs = 3000 }: CosmosIndexOptions) {
    this.#catalog = catalog;
    this.#locations = locations;
    this.#patienceMs = patienceMs;
  }

  /** @throws the catalogue's error when it never could be read */
  async file(variant: IndexVariant): Promise<IndexFile> {
    const { index } = await this.#current();
    return await index.file(variant);
  }

  /**
   * What `file` would give, when nothing has to be read, waited for or made for that: the index is that
   * of the catalogue as memory may tell it to readers in this turn, and the file was asked for lately.
   */
  recall(variant: IndexVariant): IndexFile | undefined {
    const last = this.#last;
    if (last === undefined || this.#catalog.recall()?.generation !== last.id) return undefined;
    return last.recall(variant);
  }

  /** @throws the catalogue's error when it never could be read */
  async health(): Promise<IndexHealth> {
    const { index, failure } = await this.#current();
    const leftOut = index.leftOut.map(({ name, version }) => `${name} ${version}`);
    return { packageCount: index.packageCount, leftOut, ...(failure !== undefined && { failure }) };
  }

  async #current(): Promise<{ index: IndexGeneration; failure?: unknown }> {
    const last = this.#last;
    try {
      const fresh = this.#fresh();
      return { index: await (last ? this.#soon(fresh) : fresh) };
    } catch (failure) {
      if (last === undefined) throw failure;
      return { index: last, failure };
    }
  }

  async #fresh(): Promise<IndexGeneration> {
    const snapshot = await this.#catalog.snapshot();
    if (this.#last?.id === snapshot.generation) return this.#last;
    return await this.#build(snapshot);
  }

  /** However many ask at once, one of them builds. */
  #build(snapshot: CatalogSnapshot): Promise<IndexGeneration> {
    const id = snapshot.generation;
    if (this.#building?.id === id) return this.#building.done;
    const done = IndexGeneration.build(snapshot, this.#locations, this.#last).then((index) => {
      this.#last = index;
      return index;
    });
    const building = { id, done };
    this.#building = building;
    const settled = () => {
      if (this.#building === building) this.#building = undefined;
    };
    done.then(settled, settled);
    return done;
  }

  /** A catalogue that hangs is as bad as one that fails. */
  async #soon(fresh: Promise<IndexGeneration>): Promise<IndexGeneration> {
    const { promise, cancel } = rejectAfter(this.#patienceMs);
    try {
      return await Promise.race([fresh, promise]);
    } finally {
      cancel();
    }
  }
}

function rejectAfter(milliseconds: number): { promise: Promise<never>; cancel: () => void } {
  let cancel = () => {};
  const promise = new Promise<never>((_, reject) => {
    const error = new Error(`the catalogue did not answer within ${milliseconds} ms`);
    const timer = setTimeout(reject, milliseconds, error);
    cancel = () => clearTimeout(timer);
  });
  return { promise, cancel };
}
