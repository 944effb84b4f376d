/**
 * What a collector knows of data keys: since when it has seen each, and which of them records name.
 *
 * A key that is known as named is kept without a further look. Everything else is decided by what the
 * store says at that moment.
 */
import type { BlobRecord } from "../blob-record.ts";
import { originOfData } from "../layout.ts";
import { FingerprintTable, fingerprintOfHex } from "./fingerprint-table.ts";

/** Columns. */
const sinceAt = 0;
const namedAt = 1;

export class DataKeys {
  #table = new FingerprintTable(2);
  #next = this.#table;

  /** Which keys a record names, or has given up. */
  learn(record: BlobRecord): void {
    const gone = record.state === "gone";
    const keys = gone ? record.last : (record.segments ?? []).map(({ key }) => key);
    for (const key of keys) this.setNamed(key, !gone);
  }

  setNamed(key: string, named: boolean): void {
    const name = nameOf(key);
    if (name === undefined) return;
    for (const table of new Set([this.#table, this.#next])) {
      // What was never listed has no age yet; it gets one when it is.
      if (named || table.has(name)) table.set(name, table.get(name, sinceAt), named ? 1 : 0);
    }
  }

  isNamed(key: string): boolean {
    const name = nameOf(key);
    return name !== undefined && this.#table.get(name, namedAt) === 1;
  }

  /** Before all keys are listed: those that are not seen again are forgotten at its end. */
  beginListing(): void {
    this.#next = new FingerprintTable(2, this.#table.size);
  }

  /** @returns when the key was first listed, undefined when that is now */
  see(key: string, nowMs: number): number | undefined {
    const name = nameOf(key);
    if (name === undefined) return undefined;
    // 0 is for keys that were never listed.
    const before = this.#table.get(name, sinceAt);
    this.#next.set(name, before === 0 ? nowMs + 1 : before, this.#table.get(name, namedAt));
    return before === 0 ? undefined : before - 1;
  }

  endListing(): void {
    this.#table = this.#next;
  }
}

function nameOf(key: string): number | undefined {
  const origin = originOfData(key);
  return origin && fingerprintOfHex(origin.random);
}
