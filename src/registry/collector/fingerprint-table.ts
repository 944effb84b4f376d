/**
 * Facts about very many objects in little memory: some 50 bytes for one with three numbers.
 *
 * Objects are known by 52 bits of their name. Two that share them share one entry, so a table may only
 * be asked questions whose wrong answer keeps something that could have been deleted.
 */
import { createHash } from "node:crypto";
import { type Digest, hexOf } from "../../oci/digest.ts";

const smallest = 1024;
/** Beyond this share of used slots looking for one takes long. */
const fullest = 0.6;

/** Below 2^52, as all of these are. @param hex a hash, or random; at least 13 digits */
export function fingerprintOfHex(hex: string): number {
  return Number.parseInt(hex.slice(0, 13), 16);
}

export function fingerprintOf(digest: Digest): number {
  return fingerprintOfHex(hexOf(digest));
}

/** Of any text, which is hashed first. */
export function fingerprintOfText(text: string): number {
  return fingerprintOfHex(createHash("sha256").update(text).digest("hex"));
}

export class FingerprintTable {
  readonly #columns: number;
  /** Fingerprint + 1, so that 0 is an empty slot; then its numbers. */
  #cells: Float64Array;
  #slots: number;
  #count = 0;

  /**
   * @param columns  numbers kept with each fingerprint, 0 until they are set
   * @param expected how many entries it will have; grows beyond
   */
  constructor(columns: number, expected = 0) {
    this.#columns = columns;
    this.#slots = slotsFor(expected);
    this.#cells = new Float64Array(this.#slots * (columns + 1));
  }

  get size(): number {
    return this.#count;
  }

  has(fingerprint: number): boolean {
    return this.#cells[this.#find(fingerprint)] !== 0;
  }

  /** 0 for what has no entry. */
  get(fingerprint: number, column: number): number {
    return this.#cells[this.#find(fingerprint) + 1 + column] ?? 0;
  }

  /** @param values the leading columns; the others stay as they are */
  set(fingerprint: number, ...values: readonly number[]): void {
    let cell = this.#find(fingerprint);
    if (this.#cells[cell] === 0) {
      if (this.#count + 1 > this.#slots * fullest) {
        this.#grow();
        cell = this.#find(fingerprint);
      }
      this.#cells[cell] = fingerprint + 1;
      this.#count += 1;
    }
    this.#cells.set(values, cell + 1);
  }

  /** Where the entry is, or would be. */
  #find(fingerprint: number): number {
    const width = this.#columns + 1;
    const last = this.#slots - 1;
    // The low half of 52 even bits: names that share a prefix still spread.
    let slot = fingerprint & last;
    for (;;) {
      const found = this.#cells[slot * width];
      if (found === 0 || found === fingerprint + 1) return slot * width;
      slot = (slot + 1) & last;
    }
  }

  #grow(): void {
    const width = this.#columns + 1;
    const before = this.#cells;
    this.#slots *= 2;
    this.#cells = new Float64Array(this.#slots * width);
    for (let cell = 0; cell < before.length; cell += width) {
      const key = before[cell] ?? 0;
      if (key !== 0) this.#cells.set(before.subarray(cell, cell + width), this.#find(key - 1));
    }
  }
}

function slotsFor(expected: number): number {
  let slots = smallest;
  while (slots * fullest < expected) slots *= 2;
  return slots;
}
