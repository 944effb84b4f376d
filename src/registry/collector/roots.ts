/**
 * What keeps content alive: documents that name all digests below them.
 *
 * The registry knows its manifest links; others, such as the catalogue of packages, add theirs. Marks
 * come from these documents alone, so a damaged manifest cannot lose any.
 */
import type { Digest } from "../../oci/digest.ts";
import type { Cycle } from "./cycle.ts";
import { FingerprintTable, fingerprintOf } from "./fingerprint-table.ts";

/** Digests that must stay. May hold more than was put in, never less. */
export class Marks {
  readonly #table: FingerprintTable;

  constructor(expected = 0) {
    this.#table = new FingerprintTable(0, expected);
  }

  get size(): number {
    return this.#table.size;
  }

  has(digest: Digest): boolean {
    return this.#table.has(fingerprintOf(digest));
  }

  add(digest: Digest): void {
    this.#table.set(fingerprintOf(digest));
  }

  addFingerprints(fingerprints: Float64Array): void {
    for (const fingerprint of fingerprints) this.#table.set(fingerprint);
  }
}

export interface RootSource {
  /**
   * Marks everything that any root keeps, pending ones included, as the store has it now.
   *
   * @throws when there is any root that cannot be read: then nothing may be collected
   */
  scan(marks: Marks, cycle: Cycle): Promise<void>;

  /** Behind everything else of a cycle: ends pending roots, clears up behind removed ones. */
  tidy(cycle: Cycle): Promise<void>;
}
