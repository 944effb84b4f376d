/**
 * All forms of the package index for one state of the catalogue.
 *
 * A package is rendered once, and again only when it changes; a form is the list of those renderings
 * that its reader may see. What a reader says of its DC/OS version counts only as far as it decides
 * between packages, so no stream of invented versions makes this grow.
 */
import { compareDcosVersions, type DcosVersion, parseDcosVersion } from "./dcos-version.ts";
import { downgradeEntry } from "./entry-downgrade.ts";
import { IndexFile, type RenderedEntry, renderedEntry } from "./index-file.ts";
import { IndexPages } from "./index-pages.ts";
import type { CatalogSnapshot, PublishedPackage, UnreadablePackage } from "./package-record.ts";
import { repositoryEntry, type ServedLocations } from "./repository-entry.ts";
import { Turns } from "./turns.ts";

export interface IndexVariant {
  /** The repository version that the reader understands. */
  readonly repoVersion: 3 | 4 | 5;
  /** As the reader states it, hostile; unknown or absent means that nothing is held back. */
  readonly dcosVersion?: string;
  /** Only the versions of this package. */
  readonly packageName?: string;
}

interface Renderings {
  readonly published: PublishedPackage;
  readonly minimum: DcosVersion;
  readonly current: RenderedEntry;
  /** Made when the first reader of version 3 comes. */
  downgraded?: RenderedEntry;
}

const keptFiles = 32;
/** So much may be kept for nothing, and as much again as the index itself takes. */
const spareBytes = 8 * 1024 * 1024;

export class IndexGeneration {
  readonly id: string;
  /** Packages that are missing from the index because they cannot be read or rendered. */
  readonly leftOut: readonly UnreadablePackage[];
  /** Sorted by name, newest first. */
  readonly #packages: readonly Renderings[];
  readonly #byKey: ReadonlyMap<string, Renderings>;
  /** Distinct minimum versions, ascending. */
  readonly #minima: readonly DcosVersion[];
  readonly #files = new Map<string, IndexFile>();
  readonly #locations: ServedLocations;
  readonly #pages: IndexPages;
  #downgrading: Promise<void> | undefined;

  private constructor(
    id: string,
    packages: readonly Renderings[],
    leftOut: readonly UnreadablePackage[],
    locations: ServedLocations,
    pages: IndexPages,
  ) {
    this.id = id;
    this.leftOut = leftOut;
    this.#packages = packages;
    this.#locations = locations;
    this.#pages = pages;
    this.#byKey = new Map(packages.map((one) => [keyOf(one.published), one]));
    this.#minima = distinct(packages.map(({ minimum }) => minimum));
  }

  /**
   * Renders what `previous` does not have yet, in turns with other work of this process; all of it
   * where that frees much memory.
   */
  static async build(
    { generation, packages, unreadable = [] }: CatalogSnapshot,
    locations: ServedLocations,
    previous?: IndexGeneration,
  ): Promise<IndexGeneration> {
    const kept = previous && !previous.#isSpacious() ? previous : undefined;
    const known = kept ? kept.#byKey : new Map<string, Renderings>();
    const pages = kept ? kept.#pages : new IndexPages();
    const rendered: Renderings[] = [];
    const leftOut: UnreadablePackage[] = [...unreadable];
    const turns = new Turns();
    for (const published of [...packages].sort(byNameNewestFirst)) {
      await turns.next();
      try {
        rendered.push(known.get(keyOf(published)) ?? render(published, locations, pages));
      } catch (cause) {
        const { name, version } = published.record.definition;
        leftOut.push({ name, version, cause });
      }
    }
    return new IndexGeneration(generation, rendered, leftOut, locations, pages);
  }

  /** Whether much of what it keeps in memory may be what it does not show any more. */
  #isSpacious(): boolean {
    const shown = this.#packages.reduce(
      (sum, { current, downgraded }) =>
        sum + current.bytes.length + (downgraded?.bytes.length ?? 0),
      0,
    );
    return this.#pages.bytes > 2 * shown + spareBytes;
  }

  get packageCount(): number {
    return this.#packages.length;
  }

  async file(variant: IndexVariant): Promise<IndexFile> {
    const { repoVersion, packageName = "" } = variant;
    const known = this.recall(variant);
    if (known) return known;
    if (repoVersion === 3) await this.#downgradeAll();
    const rank = this.#rank(variant.dcosVersion);
    const file = this.#select(repoVersion, rank, packageName);
    this.#keep(formOf(variant, rank), file);
    const [oldest] = this.#files.keys();
    if (this.#files.size > keptFiles && oldest !== undefined) this.#files.delete(oldest);
    return file;
  }

  /** The file, if it was asked for lately. */
  recall(variant: IndexVariant): IndexFile | undefined {
    const form = formOf(variant, this.#rank(variant.dcosVersion));
    const file = this.#files.get(form);
    if (file) this.#keep(form, file);
    return file;
  }

  /** Insertion order is the order of use: the first one is the one to let go. */
  #keep(form: string, file: IndexFile): void {
    this.#files.delete(form);
    this.#files.set(form, file);
  }

  /** How many of the distinct minimum versions a cluster satisfies. */
  #rank(dcosVersion: string | undefined): number {
    const version = dcosVersion === undefined ? undefined : parseDcosVersion(dcosVersion);
    if (version === undefined) return this.#minima.length;
    return this.#minima.filter((minimum) => compareDcosVersions(minimum, version) <= 0).length;
  }

  #select(repoVersion: 3 | 4 | 5, rank: number, packageName: string): IndexFile {
    const limit = this.#minima[rank - 1];
    const visible = this.#packages.filter(({ published, minimum }) => {
      const { name, packagingVersion } = published.record.definition;
      if (packageName !== "" && name !== packageName) return false;
      if (repoVersion < 5 && packagingVersion === "5.0") return false;
      return limit !== undefined && compareDcosVersions(minimum, limit) <= 0;
    });
    return new IndexFile(
      visible.flatMap((one) => (repoVersion === 3 ? (one.downgraded ?? []) : one.current)),
    );
  }

  /** Only 4.0 can be; done once, when the first reader of version 3 comes. */
  #downgradeAll(): Promise<void> {
    this.#downgrading ??= this.#downgradeEach();
    return this.#downgrading;
  }

  async #downgradeEach(): Promise<void> {
    const turns = new Turns();
    for (const one of this.#packages) {
      if (one.published.record.definition.packagingVersion !== "4.0") continue;
      await turns.next();
      const entry = repositoryEntry(one.published, this.#locations);
      one.downgraded ??= renderedEntry(downgradeEntry(entry), this.#pages);
    }
  }
}

/** Content and place in the order: all that an entry depends on, the configuration aside. */
function keyOf({ record, releaseVersion }: PublishedPackage): string {
  return `${record.root} ${releaseVersion}`;
}

function formOf({ repoVersion, packageName = "" }: IndexVariant, rank: number): string {
  return `${repoVersion} ${rank} ${packageName}`;
}

function render(
  published: PublishedPackage,
  locations: ServedLocations,
  pages: IndexPages,
): Renderings {
  const { minDcosReleaseVersion = "0" } = published.record.definition;
  return {
    published,
    minimum: parseDcosVersion(minDcosReleaseVersion) ?? [],
    current: renderedEntry(repositoryEntry(published, locations), pages),
  };
}

export function byNameNewestFirst(left: PublishedPackage, right: PublishedPackage): number {
  const [a, b] = [left.record.definition.name, right.record.definition.name];
  if (a !== b) return a < b ? -1 : 1;
  return right.releaseVersion - left.releaseVersion;
}

function distinct(versions: readonly DcosVersion[]): DcosVersion[] {
  return [...versions]
    .sort(compareDcosVersions)
    .filter(
      (version, at, all) => at === 0 || compareDcosVersions(version, all[at - 1] ?? []) !== 0,
    );
}
