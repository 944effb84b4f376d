/** A collector with a clock of the test, behind a store in which single requests can be held. */
import { Collector, type CollectorOptions } from "../../src/registry/collector/collector.ts";
import type { CollectorAges, CycleReport } from "../../src/registry/collector/cycle.ts";
import { Pace } from "../../src/registry/collector/pace.ts";
import { Documents } from "../../src/storage/documents.ts";
import type { ObjectStore } from "../../src/storage/object-store.ts";
import { ScriptedStore } from "../storage/scripted-store.ts";

const { signal } = new AbortController();

/** Everything is taken as soon as the protocol lets it. */
export const noAges: CollectorAges = { graceMs: 0, settleMs: 0, orphanMs: 0, uploadLifeMs: 0 };

export interface CollectorSettings
  extends Pick<CollectorOptions, "roots" | "owner" | "unfinished"> {
  readonly ages?: Partial<CollectorAges>;
  readonly clock?: () => number;
}

export class CollectorUnderTest {
  readonly store: ScriptedStore;
  readonly #collector: Collector;

  constructor(inner: ObjectStore, { ages, clock = () => 0, ...more }: CollectorSettings = {}) {
    this.store = new ScriptedStore(inner);
    this.#collector = new Collector(this.store, new Documents(this.store), {
      ages: { ...noAges, ...ages },
      clock,
      pace: new Pace({ atOnce: 1 }),
      ...more,
    });
  }

  cycle(dryRun = false): Promise<CycleReport> {
    return this.#collector.cycle({ signal, dryRun });
  }

  /** Enough for anything to be seen, condemned, taken and forgotten. */
  async cycles(count = 4): Promise<void> {
    for (let at = 0; at < count; at += 1) await this.cycle();
  }
}
