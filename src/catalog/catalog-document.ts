/**
 * The one document that says which packages this registry has: the commit point of add and remove.
 *
 * ```
 * (none) → pending → committed ⇄ retired → (gone with the retention)
 * ```
 *
 * Pending entries protect content while it is checked and are never shown. Retired ones are out of
 * the index, and still served to the services that were started from them. Who removes a package for
 * good skips that state.
 */
import type { Digest } from "../oci/digest.ts";
import { ReleaseRefused } from "./catalog-error.ts";

const daySeconds = 24 * 60 * 60;

export interface CatalogEntry {
  /** Unique for ever; names one attempt to add a package. */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly state: "pending" | "committed" | "retired";
  /** The package record's digest. */
  readonly record: Digest;
  /** Digest of the package root: two adds of equal content have equal roots. */
  readonly root: Digest;
  readonly releaseVersion: number;
  /** ISO 8601, for people. */
  readonly addedAt: string;
  readonly removedAt?: string;
}

export interface CatalogValue {
  readonly entries: readonly CatalogEntry[];
  /** The highest releaseVersion ever given to a name; survives removal, so it never repeats. */
  readonly lastRelease: Readonly<Record<string, number>>;
}

export const emptyCatalog: CatalogValue = { entries: [], lastRelease: {} };

export function findCommitted(
  { entries }: CatalogValue,
  name: string,
  version: string,
): CatalogEntry | undefined {
  return entries.find(
    (entry) => entry.state === "committed" && entry.name === name && entry.version === version,
  );
}

/** The newest one, where a version was removed, added with other content and removed again. */
export function findRetired(
  { entries }: CatalogValue,
  name: string,
  version: string,
): CatalogEntry | undefined {
  return entries.findLast(
    (entry) => entry.state === "retired" && entry.name === name && entry.version === version,
  );
}

export function withEntry(catalog: CatalogValue, entry: CatalogEntry): CatalogValue {
  return { ...catalog, entries: [...catalog.entries, entry] };
}

export function withoutEntry(catalog: CatalogValue, id: string): CatalogValue {
  return { ...catalog, entries: catalog.entries.filter((entry) => entry.id !== id) };
}

/**
 * The pending entry becomes the newest version of its name. A retired entry of the same content is
 * replaced: its content is in use again.
 *
 * @param nowSeconds epoch seconds; releases grow even when clocks do not
 * @param wanted     the releaseVersion that a backup has; later ones are higher all the same
 * @throws {ReleaseRefused}
 */
export function committed(
  catalog: CatalogValue,
  id: string,
  nowSeconds: number,
  wanted?: number,
): CatalogValue {
  const pending = catalog.entries.find((entry) => entry.id === id);
  if (pending === undefined) return catalog;
  const last = lastReleaseOf(catalog, pending.name);
  if (wanted !== undefined) refuseRelease(catalog, pending, nowSeconds, wanted);
  const releaseVersion = wanted ?? Math.max(last + 1, nowSeconds);
  const revived = (entry: CatalogEntry): boolean =>
    entry.state === "retired" && entry.root === pending.root;
  return {
    entries: [
      ...catalog.entries.filter((entry) => entry.id !== id && !revived(entry)),
      { ...pending, state: "committed", releaseVersion },
    ],
    lastRelease: { ...catalog.lastRelease, [pending.name]: Math.max(last, releaseVersion) },
  };
}

/** One version of a package is here no more, nor anything of it retained. */
export function withoutVersion(
  catalog: CatalogValue,
  { name, version }: CatalogEntry,
): CatalogValue {
  return {
    ...catalog,
    entries: catalog.entries.filter(
      (entry) => entry.state === "pending" || entry.name !== name || entry.version !== version,
    ),
  };
}

export function retired(catalog: CatalogValue, id: string, removedAt: string): CatalogValue {
  return {
    ...catalog,
    entries: catalog.entries.map((entry) =>
      entry.id === id ? { ...entry, state: "retired", removedAt } : entry,
    ),
  };
}

/**
 * Cosmos takes name and releaseVersion for one package for ever; and one far in the future would be
 * ahead of everything that is added later.
 */
function refuseRelease(
  { entries }: CatalogValue,
  { name, root }: CatalogEntry,
  nowSeconds: number,
  wanted: number,
): void {
  const owner = entries.find(
    (entry) => entry.name === name && entry.releaseVersion === wanted && entry.root !== root,
  );
  if (owner) throw new ReleaseRefused(name, wanted, `it belongs to version ${owner.version}`);
  if (wanted > nowSeconds + daySeconds) {
    throw new ReleaseRefused(name, wanted, "it is in the future");
  }
}

/** Names come from packages, so a name like `constructor` must not find what objects inherit. */
function lastReleaseOf({ lastRelease }: CatalogValue, name: string): number {
  return Object.hasOwn(lastRelease, name) ? (lastRelease[name] ?? 0) : 0;
}
