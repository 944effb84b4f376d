/**
 * Reads everything that is stored, slowly and again and again, and finds what the disk has damaged.
 *
 * First the bytes of every blob, then every other document and what manifests need. Damaged content
 * is taken out of service at once, so that nobody is given it; pushing it again heals it. A pass is
 * resumed where the last process was.
 */
import type { Digest } from "../../oci/digest.ts";
import { DigestInvalid } from "../../oci/registry-error.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import { StoreUnavailable } from "../../storage/store-error.ts";
import { isPresent, type RecordDocument } from "../blob-record.ts";
import { digestOfRecordKey, layout } from "../layout.ts";
import type { Registry } from "../registry.ts";
import type { ByteRate } from "./byte-rate.ts";
import { problemOfContent } from "./content-check.ts";
import type { Damage } from "./damage.ts";
import { DocumentCheck } from "./document-check.ts";
import { Quarantine } from "./quarantine.ts";
import { noCounts, type ScrubCounts, ScrubJournal, type ScrubPosition } from "./scrub-journal.ts";

/** In the order of a pass. Sessions and hints are short-lived, and what they say is checked in use. */
const prefixes: readonly string[] = [
  layout.records,
  "hidden/",
  "key/",
  layout.links,
  layout.packages,
  "referrer/",
  layout.repositories,
  "tag/",
];

/** What reading a document costs. */
const documentBytes = 4096;
/** A record that changes each time it is looked at is in use, and will be looked at next time. */
const looks = 5;
/** This much damage, in number and in share, is no bit that flipped: it is a disk that is not there. */
const suspiciousNumber = 100;
const suspiciousShare = 0.1;
/** What the store fails to give in a row; then it is not worth going on. */
const mostFailures = 20;

/** So much is damaged that taking it out of service would do more harm. */
export class TooMuchDamage extends Error {
  readonly code = "TOO_MUCH_DAMAGE";
  constructor(damaged: number, looked: number) {
    super(`${damaged} of ${looked} blobs are damaged: is this the whole storage? The scrub stops`);
    this.name = "TooMuchDamage";
  }
}

export interface ScrubberOptions {
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly rate: ByteRate;
  /** Told of each finding, once a pass. */
  readonly onDamage?: (damage: Damage) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export interface PassOptions {
  readonly signal: AbortSignal;
  /** Where an earlier pass was; undefined begins one. */
  readonly from?: ScrubPosition | undefined;
  /** Told of each step; what it returns is waited for. */
  readonly onProgress?: (position: ScrubPosition) => Promise<void>;
}

export class Scrubber {
  readonly journal: ScrubJournal;
  readonly #options: ScrubberOptions;
  readonly #quarantine: Quarantine;
  readonly #documents: DocumentCheck;
  readonly #now: () => number;

  constructor(options: ScrubberOptions) {
    const { store, registry, now = Date.now } = options;
    const { documents, blobs } = registry;
    this.#options = options;
    this.#now = now;
    this.journal = new ScrubJournal(documents);
    this.#quarantine = new Quarantine(store, documents, now);
    const { manifestLimit } = registry.options;
    this.#documents = new DocumentCheck({
      documents,
      blobs,
      manifestLimit,
      now: () => this.#time(),
    });
  }

  /**
   * Looks at everything behind `from`.
   *
   * @returns what the whole pass has seen
   * @throws {TooMuchDamage | StoreUnavailable}
   */
  async pass({ signal, from, onProgress = async () => undefined }: PassOptions) {
    const first = Math.max(0, prefixes.indexOf(from?.prefix ?? ""));
    let position = from ?? { prefix: "", after: "", startedAt: this.#time(), counts: noCounts };
    for (const prefix of prefixes.slice(first)) {
      const after = position.prefix === prefix ? position.after : "";
      for await (const key of this.#keys(prefix, after, signal)) {
        const counts = await this.#look(key, position.counts, signal);
        position = { ...position, prefix, after: key, counts };
        await onProgress(position);
      }
    }
    let { counts } = position;
    for (const key of [layout.catalog, layout.catalogCopy]) {
      counts = await this.#look(key, counts, signal);
    }
    await this.refresh();
    return { startedAt: position.startedAt, finishedAt: this.#time(), counts };
  }

  /** Looks at one blob now, because somebody could not read it. */
  async suspect(digest: Digest, signal: AbortSignal): Promise<void> {
    const found = await this.#content(digest, signal);
    if (found.damage) await this.#report(found.damage);
  }

  /** Forgets damage that was healed. @returns what is left */
  async refresh(): Promise<readonly Damage[]> {
    const { damages } = await this.journal.read();
    const healed: Damage[] = [];
    for (const damage of damages) if (await this.#isHealed(damage)) healed.push(damage);
    await this.journal.drop(healed);
    return damages.filter((damage) => !healed.includes(damage));
  }

  async *#keys(prefix: string, from: string, signal: AbortSignal): AsyncGenerator<string> {
    let after = from;
    for (let more = true; more; ) {
      signal.throwIfAborted();
      const page = await this.#options.store.list(prefix, { after });
      yield* page.keys;
      after = page.keys.at(-1) ?? after;
      more = page.more;
    }
  }

  async #look(key: string, counts: ScrubCounts, signal: AbortSignal): Promise<ScrubCounts> {
    try {
      if (!key.startsWith(layout.records)) return await this.#lookAtDocument(key, counts, signal);
      const digest = digestOfRecordKey(key);
      // Whatever else lies there was not put there by this program.
      return key === layout.record(digest)
        ? await this.#lookAtContent(digest, counts, signal)
        : counts;
    } catch (error) {
      if (error instanceof DigestInvalid) return counts;
      if (!(error instanceof StoreUnavailable)) throw error;
      // A disk that cannot read this now says nothing about what is there.
      if (counts.failures >= mostFailures) throw error;
      return { ...counts, failures: counts.failures + 1 };
    }
  }

  async #lookAtContent(
    digest: Digest,
    counts: ScrubCounts,
    signal: AbortSignal,
  ): Promise<ScrubCounts> {
    const { damage, bytes } = await this.#content(digest, signal, () => refuseMuch(counts));
    if (damage) await this.#report(damage);
    if (damage === undefined && bytes === undefined) return counts;
    return {
      ...counts,
      blobs: counts.blobs + 1,
      bytes: counts.bytes + (bytes ?? 0),
      damaged: counts.damaged + (damage ? 1 : 0),
    };
  }

  /** @returns bytes of a blob that is whole, or what is wrong with it; neither when it is not here */
  async #content(
    digest: Digest,
    signal: AbortSignal,
    refuse: () => void = () => undefined,
  ): Promise<{ bytes?: number; damage?: Damage }> {
    const { store, registry, rate } = this.#options;
    const key = layout.record(digest);
    for (let look = 0; look < looks; look += 1) {
      const record = await registry.blobs.fence(digest);
      if (record === undefined) return {};
      const found = isUnreadable(record)
        ? "its record cannot be read"
        : await problemOfContent(digest, record, { store, rate, signal });
      if (found === undefined) return isPresent(record) ? { bytes: record.value.size } : {};
      refuse();
      const kept = await this.#quarantine.take(digest, record);
      if (kept) {
        return { damage: { key, digest, why: found, foundAt: this.#time(), kept } };
      }
    }
    return {};
  }

  async #lookAtDocument(
    key: string,
    counts: ScrubCounts,
    signal: AbortSignal,
  ): Promise<ScrubCounts> {
    await this.#options.rate.spend(documentBytes, signal);
    const problems = await this.#documents.problems(key);
    for (const damage of problems) await this.#report(damage);
    return {
      ...counts,
      documents: counts.documents + 1,
      damaged: counts.damaged + problems.length,
    };
  }

  async #report(damage: Damage): Promise<void> {
    await this.journal.add(damage);
    this.#options.onDamage?.(damage);
  }

  async #isHealed({ key, digest }: Damage): Promise<boolean> {
    if (digest) return isPresent(await this.#options.registry.blobs.fence(digest));
    return (await this.#documents.problems(key)).length === 0;
  }

  #time(): string {
    return new Date(this.#now()).toISOString();
  }
}

/** A stand-in for what could not be read: no document was ever written with this generation. */
function isUnreadable({ generation }: RecordDocument): boolean {
  return generation === 0;
}

/** @throws {TooMuchDamage} */
function refuseMuch({ blobs, damaged }: ScrubCounts): void {
  if (damaged < suspiciousNumber || damaged < blobs * suspiciousShare) return;
  throw new TooMuchDamage(damaged, blobs);
}
