/**
 * The memories of several workers under one parent, wired by channels that a test can hold up.
 *
 * What must hold: when a write is acknowledged no worker answers what was there before, whatever hangs
 * or dies; and nobody waits for a worker that does not answer longer than a lease.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it, mock } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ChangeHub, type HubMessage, type WorkerMessage } from "../../src/server/change-hub.ts";
import { Siblings } from "../../src/server/siblings.ts";
import { type CachePolicy, DocumentCache } from "../../src/storage/document-cache.ts";
import { Documents } from "../../src/storage/documents.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { RecentDocuments } from "../../src/storage/recent-documents.ts";
import { ScriptedStore } from "../storage/scripted-store.ts";

const key = "tag/app/latest";
const policy: CachePolicy<string> = { keeps: (document) => document !== undefined };

/** A worker as the hub sees it; stopped, it neither reads its messages nor knows of the time. */
class Worker {
  readonly store: ScriptedStore;
  readonly #id: number;
  readonly #hub: ChangeHub;
  readonly #siblings: Siblings;
  readonly #documents: Documents;
  readonly #recent: RecentDocuments;
  #inbox: HubMessage[] | undefined;

  constructor(id: number, hub: ChangeHub, store: MemoryStore, now: () => number) {
    this.#id = id;
    this.#hub = hub;
    this.store = new ScriptedStore(store);
    const cache = new DocumentCache({ maxAgeMs: Number.POSITIVE_INFINITY, clock: now });
    this.#siblings = new Siblings(cache, (message) => this.#tell(message));
    this.#documents = new Documents(this.store, this.#siblings);
    this.#recent = new RecentDocuments(this.#documents, cache);
  }

  write(text: string): Promise<unknown> {
    return this.#documents.update<string>(key, () => text);
  }

  async read(): Promise<string | undefined> {
    return (await this.#recent.read(key, policy))?.value;
  }

  async isAnsweredFromMemory(): Promise<boolean> {
    this.store.takeRequests();
    await this.read();
    return this.store.takeRequests().length === 0;
  }

  stop(): void {
    this.#inbox ??= [];
  }

  continue(): void {
    const inbox = this.#inbox ?? [];
    this.#inbox = undefined;
    for (const message of inbox) this.#siblings.receive(message);
  }

  #tell(message: WorkerMessage): void {
    queueMicrotask(() => this.#hub.receive(this.#id, message, (answer) => this.#hear(answer)));
  }

  #hear(message: HubMessage): void {
    queueMicrotask(() => {
      if (this.#inbox) this.#inbox.push(message);
      else this.#siblings.receive(message);
    });
  }
}

describe("memories of several workers", () => {
  let hub: ChangeHub;
  let store: MemoryStore;
  let now: number;
  let workers: Worker[];
  let one: Worker;
  let two: Worker;

  const clock = (): number => now;
  const start = async (id: number): Promise<Worker> => {
    const worker = new Worker(id, hub, store, clock);
    await turn();
    return worker;
  };
  const pass = async (milliseconds: number): Promise<void> => {
    for (let passed = 0; passed < milliseconds; passed += 50) {
      now += 50;
      mock.timers.tick(50);
      await turn();
    }
  };

  beforeEach(async () => {
    mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
    now = 1000;
    hub = new ChangeHub(clock);
    store = new MemoryStore();
    workers = [await start(1), await start(2), await start(3)];
    [one, two] = workers as [Worker, Worker];
    await one.write("a");
    for (const worker of workers) assert.equal(await worker.read(), "a");
  });
  afterEach(() => {
    hub.close();
    mock.timers.reset();
  });

  it("are used", async () => {
    for (const worker of workers) assert.ok(await worker.isAnsweredFromMemory());
    await pass(5000);
    for (const worker of workers) assert.ok(await worker.isAnsweredFromMemory(), "still trusted");
  });

  it("show a write everywhere as soon as it is acknowledged", async () => {
    for (const text of ["b", "c", "d"]) {
      await two.write(text);
      for (const worker of workers) assert.equal(await worker.read(), text);
    }
    for (const worker of workers) assert.ok(await worker.isAnsweredFromMemory());
  });

  it("are closed before the write is sent", async () => {
    const landing = two.store.hold("save", /tag/);
    const writing = two.write("b");
    await landing.arrived;
    assert.equal(await one.isAnsweredFromMemory(), false);
    await landing.proceed();
    await writing;
    assert.equal(await one.read(), "b");
  });

  it("know of a write whose writer died before he could tell", async () => {
    const landing = two.store.hold("save", /tag/);
    void two.write("b").catch(() => undefined);
    await landing.answerLate(); // written, and then it is killed
    hub.leave(2);
    await turn();
    assert.equal(await one.read(), "b");
    assert.ok(await one.isAnsweredFromMemory(), "open again");
  });

  it("do not wait for a worker that has died", async () => {
    workers[2]?.stop();
    const writing = two.write("b");
    await turn();
    hub.leave(3);
    await writing;
    assert.equal(await one.read(), "b");
  });

  it("wait for a worker that hangs no longer than its lease, and it then knows that it knows nothing", async () => {
    const hung = workers[2] as Worker;
    hung.stop();
    let acknowledged = false;
    const writing = two.write("b").then(() => {
      acknowledged = true;
    });
    await pass(900);
    assert.equal(acknowledged, false, "it could still answer from memory");
    await pass(200);
    await writing;
    // It wakes up and answers a request before it looks at its messages.
    assert.equal(await hung.read(), "b");
  });

  it("wait for a worker that hangs only once", async () => {
    workers[2]?.stop();
    const first = two.write("b");
    await pass(1100);
    await first;
    await pass(1100);
    await two.write("c");
    assert.equal(await one.read(), "c");
  });

  it("are not trusted by a late worker that reads old messages first", async () => {
    const hung = workers[2] as Worker;
    hung.stop();
    const first = two.write("b");
    await pass(1100); // leases that were given in this time are still to be read
    await first;
    const second = two.write("c");
    await pass(1100);
    await second;
    hung.continue();
    assert.equal(await hung.read(), "c");
  });

  it("are used again by a worker that has caught up", async () => {
    const hung = workers[2] as Worker;
    hung.stop();
    const writing = two.write("b");
    await pass(1100);
    await writing;
    hung.continue();
    await pass(300);
    assert.equal(await hung.read(), "b");
    assert.ok(await hung.isAnsweredFromMemory());
    await two.write("c");
    assert.equal(await hung.read(), "c");
  });

  it("know what is being written when a worker joins", async () => {
    const landing = two.store.hold("save", /tag/);
    const writing = two.write("b");
    await landing.arrived;
    const four = await start(4);
    assert.equal(await four.read(), "a");
    await landing.proceed();
    await writing;
    assert.equal(await four.read(), "b");
    assert.ok(await four.isAnsweredFromMemory());
  });

  it("are not used while the parent is silent", async () => {
    hub.close();
    await pass(1100);
    for (const worker of workers) assert.equal(await worker.isAnsweredFromMemory(), false);
  });

  it("agree when all write at once", async () => {
    const texts = Array.from({ length: 30 }, (_, number) => `${number}`);
    await Promise.all(texts.map((text, at) => workers[at % 3]?.write(text)));
    const answers = await Promise.all(workers.map((worker) => worker.read()));
    assert.equal(new Set(answers).size, 1);
    assert.ok(texts.includes(answers[0] ?? ""));
    for (const worker of workers) assert.ok(await worker.isAnsweredFromMemory());
  });
});
