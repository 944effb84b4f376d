/**
 * The document that says how far the scrub is and what it has found: for the next start, for other
 * instances, and for whoever asks how the storage is.
 */
import type { Documents } from "../../storage/documents.ts";
import { layout } from "../layout.ts";
import { type Damage, subjectOf } from "./damage.ts";

/** Damages that are listed; how many there are in all is counted. */
const mostListed = 100;
/** Manifests that are named with one damage. */
const mostNeeding = 10;

export interface ScrubCounts {
  readonly blobs: number;
  /** Of blobs. */
  readonly bytes: number;
  readonly documents: number;
  /** Found in this pass. */
  readonly damaged: number;
  /** What the store failed to give, which says nothing about it. */
  readonly failures: number;
}

export const noCounts: ScrubCounts = { blobs: 0, bytes: 0, documents: 0, damaged: 0, failures: 0 };

export interface ScrubPosition {
  /** What is being listed, and the last key of it that was looked at. */
  readonly prefix: string;
  readonly after: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly counts: ScrubCounts;
}

export interface ScrubState {
  /** Of the pass that is going on; absent between two. */
  readonly position?: ScrubPosition;
  readonly last?: {
    readonly startedAt: string;
    readonly finishedAt: string;
    readonly counts: ScrubCounts;
  };
  /** Not healed as far as is known, the newest first. */
  readonly damages: readonly Damage[];
  /** Of the process that scrubs, and a number that grows while it does. */
  readonly runner?: { readonly id: string; readonly beat: number };
  /** Somebody wants a pass now. */
  readonly requested?: boolean;
}

const fresh: ScrubState = { damages: [] };

export class ScrubJournal {
  readonly #documents: Documents;

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  async read(): Promise<ScrubState> {
    return (await this.#documents.readOver<ScrubState>(layout.scrub, fresh))?.value ?? fresh;
  }

  /** @param change returns undefined to leave it as it is */
  async change(change: (state: ScrubState) => ScrubState | undefined): Promise<void> {
    await this.#documents.update<ScrubState>(
      layout.scrub,
      (state = fresh) => change(state),
      fresh, // what it has found it finds again
    );
  }

  /** One entry a subject: what is found again keeps what was known of it, and learns more. */
  add(found: Damage): Promise<void> {
    return this.change((state) => {
      const known = state.damages.find((one) => subjectOf(one) === subjectOf(found));
      const others = state.damages.filter((one) => one !== known);
      return { ...state, damages: [merged(found, known), ...others].slice(0, mostListed) };
    });
  }

  async drop(healed: readonly Damage[]): Promise<void> {
    if (healed.length === 0) return;
    const subjects = new Set(healed.map(subjectOf));
    await this.change((state) => ({
      ...state,
      damages: state.damages.filter((one) => !subjects.has(subjectOf(one))),
    }));
  }
}

function merged(found: Damage, known: Damage | undefined): Damage {
  if (known === undefined) return found;
  const neededBy = new Set([...(known.neededBy ?? []), ...(found.neededBy ?? [])]);
  const kept = [...(known.kept ?? []), ...(found.kept ?? [])];
  return {
    ...found,
    ...known,
    ...(neededBy.size > 0 && { neededBy: [...neededBy].slice(0, mostNeeding) }),
    ...(kept.length > 0 && { kept }),
  };
}
