/**
 * What a collector remembers of records that nothing references, from cycle to cycle.
 *
 * A sighting names one version of one record, and when this process first saw it. It decides what is
 * worth reading and how old something is; what is then changed is changed under the version itself.
 */
import type { Digest } from "../../oci/digest.ts";
import { isPresent, type RecordDocument } from "../blob-record.ts";
import { FingerprintTable, fingerprintOf, fingerprintOfText } from "./fingerprint-table.ts";

const states = ["none", "live", "condemned", "gone"] as const;

/** Columns. */
const stateAt = 0;
const sinceAt = 1;
const versionAt = 2;
const sizeAt = 3;
const stampAt = 4;

export interface Sighting {
  readonly state: "live" | "condemned" | "gone";
  /** When this process first saw this version. */
  readonly sinceMs: number;
  /** Bytes. */
  readonly size: number;
  isOf(record: RecordDocument): boolean;
  /** Whether the record need not be read to know that it is the same. */
  isStampedAs(stamp: string | undefined): boolean;
}

export class RecordSightings {
  readonly #table = new FingerprintTable(5);

  of(digest: Digest): Sighting | undefined {
    const name = fingerprintOf(digest);
    const state = states[this.#table.get(name, stateAt)];
    return state === undefined || state === "none" ? undefined : this.#sighting(name, state);
  }

  /** The record as it was just read. One that is as before keeps its age. */
  note(digest: Digest, record: RecordDocument, stamp: string | undefined, nowMs: number): Sighting {
    const before = this.of(digest);
    const name = fingerprintOf(digest);
    const { state } = record.value;
    this.#table.set(
      name,
      states.indexOf(state),
      before?.isOf(record) ? before.sinceMs : nowMs,
      fingerprintOfText(record.revision),
      isPresent(record) ? record.value.size : 0,
      stamp === undefined ? 0 : fingerprintOfText(stamp),
    );
    return this.#sighting(name, state);
  }

  forget(digest: Digest): void {
    const name = fingerprintOf(digest);
    if (this.#table.has(name)) this.#table.set(name, 0);
  }

  #sighting(name: number, state: Sighting["state"]): Sighting {
    const version = this.#table.get(name, versionAt);
    const known = this.#table.get(name, stampAt);
    return {
      state,
      sinceMs: this.#table.get(name, sinceAt),
      size: this.#table.get(name, sizeAt),
      isOf: ({ revision }) => fingerprintOfText(revision) === version,
      isStampedAs: (stamp) => stamp !== undefined && fingerprintOfText(stamp) === known,
    };
  }
}
