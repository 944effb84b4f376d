/**
 * How far several instances can write beyond their quota together, which no instance knows at once.
 *
 * Real meters over one store, a clock of the test: each tick every upload brings one chunk, until all
 * are refused. What others wrote is known two seconds later, so that is how much it can be.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import { MeteredStore } from "../../../src/registry/usage/metered-store.ts";
import { Quota } from "../../../src/registry/usage/quota.ts";
import { UsageJournal, usedBytes } from "../../../src/registry/usage/usage-journal.ts";
import { UsageMeter } from "../../../src/registry/usage/usage-meter.ts";
import { Documents } from "../../../src/storage/documents.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import type { StagedWrite } from "../../../src/storage/object-store.ts";
import { StoreWithinRoom } from "../../../src/storage/room.ts";
import { StoreFull } from "../../../src/storage/store-error.ts";
import { type Random, random } from "../../random.ts";

const tickMs = 50;
const quotaBytes = 2_000_000;
const chunk = Buffer.alloc(1_000);

interface Overrun {
  /** Bytes beyond the quota. */
  readonly bytes: number;
  /** That all uploads together bring in a second. */
  readonly perSecond: number;
}

/** One instance with uploads whose lengths nobody knows. */
class Instance {
  readonly meter: UsageMeter;
  /** Bytes that it has taken. */
  written = 0;
  readonly #store: StoreWithinRoom;
  /** Of its first upload: instances do not ask in step. */
  readonly #startMs: number;
  #growing: StagedWrite[] | undefined;

  constructor(inner: MemoryStore, clock: () => number, startMs: number) {
    this.meter = new UsageMeter(new UsageJournal(new Documents(inner)), { clock });
    const metered = new MeteredStore(inner, this.meter);
    this.#store = new StoreWithinRoom(metered, new Quota(quotaBytes, this.meter));
    this.#startMs = startMs;
  }

  get isFull(): boolean {
    return this.#growing?.length === 0;
  }

  /** Each upload brings a chunk, or ends where that is refused. */
  async tick(now: number, name: number, uploads: number): Promise<void> {
    if (now < this.#startMs) return;
    const stage = (_: unknown, at: number) => this.#store.stage(`data/${name}.${at}`);
    this.#growing ??= await Promise.all(Array.from({ length: uploads }, stage));
    const taken = await Promise.all(this.#growing.map((upload) => this.#send(upload)));
    this.#growing = this.#growing.filter((_, at) => taken[at]);
  }

  #send(upload: StagedWrite): Promise<boolean> {
    return upload.append(chunk).then(
      () => {
        this.written += chunk.byteLength;
        return true;
      },
      (error: unknown) => {
        assert.ok(error instanceof StoreFull);
        return false;
      },
    );
  }
}

async function overrunOf(instances: number, uploads: number, dice: Random): Promise<Overrun> {
  const inner = new MemoryStore();
  let now = 0;
  const all = Array.from(
    { length: instances },
    () => new Instance(inner, () => now, dice.integer(0, 1_000)),
  );
  for (; !all.every(({ isFull }) => isFull); now += tickMs) {
    for (const [name, instance] of all.entries()) await instance.tick(now, name, uploads);
    // What is asked for in the background is answered before the next tick.
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
  }
  for (const { meter } of all) await meter.end();
  const written = all.reduce((sum, instance) => sum + instance.written, 0);
  const told = usedBytes(await new UsageJournal(new Documents(inner)).read());
  assert.equal(told, written, "nobody forgets what he has written");
  const perSecond = (instances * uploads * chunk.byteLength * 1_000) / tickMs;
  return { bytes: written - quotaBytes, perSecond };
}

describe("a quota that is used up", () => {
  it("is not passed by one process alone, whatever it sends at the same time", async () => {
    const { bytes } = await overrunOf(1, 12, random(1));
    assert.ok(bytes >= 0 && bytes <= chunk.byteLength, `${bytes} bytes`);
  });

  for (const instances of [2, 3, 8]) {
    it(`is passed by at most two seconds of writing, ${instances} instances`, async (context) => {
      let most = 0;
      let bound = 0;
      for (let seed = 1; seed <= 6; seed += 1) {
        const { bytes, perSecond } = await overrunOf(instances, 4, random(seed));
        bound = 2 * perSecond + instances * 4 * chunk.byteLength;
        most = Math.max(most, bytes);
        assert.ok(bytes <= bound, `${bytes} of at most ${bound} bytes, seed ${seed}`);
      }
      context.diagnostic(`at most ${most} bytes of ${bound}`);
      assert.ok(most > 0, "several instances cannot know it at once");
    });
  }
});
