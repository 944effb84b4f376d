/**
 * A random walk with the real code: clients and collectors beside each other, one request at a time,
 * with lost answers and late requests. Repeats from its seed up to the jitter of retries.
 */
import assert from "node:assert/strict";
import { Collector } from "../../../src/registry/collector/collector.ts";
import type { CollectorAges } from "../../../src/registry/collector/cycle.ts";
import { Pace } from "../../../src/registry/collector/pace.ts";
import { openRegistry } from "../../../src/registry/registry.ts";
import type { DocumentChanges } from "../../../src/storage/document-changes.ts";
import { Documents } from "../../../src/storage/documents.ts";
import { MemoryStore } from "../../../src/storage/memory-store.ts";
import type { ObjectStore } from "../../../src/storage/object-store.ts";
import { StoreUnavailable } from "../../../src/storage/store-error.ts";
import { random } from "../../random.ts";
import { ScriptedStore } from "../../storage/scripted-store.ts";
import { imagesOf, Promises, WalkingClient } from "./client.ts";
import { Inspector } from "./inspector.ts";
import { type Memory, remember } from "./memory.ts";
import { Schedule } from "./schedule.ts";

const options = { manifestLimit: 100_000, uploadLifeMs: 3_600_000 };
/** Takes everything as soon as the protocol lets it: nothing may depend on ages. */
const greedy: CollectorAges = { graceMs: 0, settleMs: 0, orphanMs: 0, uploadLifeMs: 0 };
const { signal } = new AbortController();

/** Seeds take turns. */
const memories: readonly Memory[] = ["none", "of one server", "of several instances"];

export interface Walked {
  /** Requests that were carried out, well or badly. */
  readonly steps: number;
  readonly acknowledged: number;
  readonly collected: number;
}

/** @param turns how many things each client does @throws when anything acknowledged is lost */
export async function walk(seed: number, turns: number): Promise<Walked> {
  const store = new MemoryStore();
  const inspector = new Inspector(store);
  const dice = random(seed);
  const schedule = new Schedule(dice);
  const promises = new Promises();
  const images = imagesOf(dice);
  const actor = (): ScriptedStore => {
    const scripted = new ScriptedStore(store);
    scripted.gate(schedule.add);
    return scripted;
  };
  const memory = memories[seed % memories.length] ?? "none";
  const { coherence, changes } = remember(memory, 3, () => schedule.steps);
  const instances = coherence.map((one) => openRegistry(actor(), options, one));
  // Ended sessions are forgotten when no request of theirs can be under way, and here one can be for as
  // long as the walk takes: forgotten-sessions.test.ts shows what becomes of it else.
  const resumes = dice.pick([true, false]);
  const ages = { ...greedy, uploadLifeMs: Number.POSITIVE_INFINITY };
  const clients = Promise.all(
    [1, 2, 3, 4, 5].map(() =>
      new WalkingClient(instances, dice, { promises, images, resumes }).walk(turns),
    ),
  );
  let collected = 0;
  const collect = async (collector: Collector): Promise<void> => {
    collected += (await collector.cycle({ signal })).collected;
  };
  const collectors = [1, 2, 3].map(() => collectorOf(actor(), ages, changes));
  const actors = Promise.all([
    clients,
    ...collectors.map((collector) => untilOver(() => collect(collector), clients)),
  ]);
  const check = () => inspector.check(promises.must);
  await schedule.run(actors, check);

  const alone = collectorOf(store, greedy);
  for (let cycle = 0; cycle < 5; cycle += 1) await collect(alone);
  await check();
  await inspector.checkCollected();
  assert.ok(promises.acknowledged > turns / 2, `${promises.acknowledged} were acknowledged`);
  assert.ok(promises.pulled > 0);
  return { steps: schedule.steps, acknowledged: promises.acknowledged, collected };
}

function collectorOf(
  store: ObjectStore,
  ages: CollectorAges,
  changes?: DocumentChanges,
): Collector {
  const pace = new Pace({ atOnce: 2 });
  return new Collector(store, new Documents(store, changes), { ages, pace, clock: () => 0 });
}

async function untilOver(work: () => Promise<void>, clients: Promise<unknown>): Promise<void> {
  let over = false;
  const ended = clients.finally(() => {
    over = true;
  });
  while (!over) {
    await work().catch((error: unknown) => {
      if (!(error instanceof StoreUnavailable)) throw error;
    });
  }
  await ended;
}
