/** Readers answered from memory: what they must never be told, whatever overlaps with what. */
import assert from "node:assert/strict";
import { beforeEach, describe, it, mock } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Document } from "../../src/storage/document.ts";
import { type CachePolicy, DocumentCache } from "../../src/storage/document-cache.ts";
import { Documents } from "../../src/storage/documents.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { RecentDocuments } from "../../src/storage/recent-documents.ts";
import { StoreUnavailable } from "../../src/storage/store-error.ts";
import { ScriptedStore } from "./scripted-store.ts";

interface Tag {
  readonly names: string | null;
}

const key = "tag/app/latest";
const policy: CachePolicy<Tag> = { keeps: (document) => Boolean(document?.value.names) };
const lasting: CachePolicy<Tag> = { ...policy, lasting: true };

describe("a cache of documents", () => {
  let store: ScriptedStore;
  let cache: DocumentCache;
  let documents: Documents;
  let recent: RecentDocuments;
  /** Another instance: it knows nothing of the cache. */
  let elsewhere: Documents;
  let now: number;

  const open = (maxAgeMs: number, lastingAgeMs = maxAgeMs): void => {
    const shared = new MemoryStore();
    store = new ScriptedStore(shared);
    cache = new DocumentCache({ maxAgeMs, lastingAgeMs, clock: () => now });
    documents = new Documents(store, cache);
    recent = new RecentDocuments(documents, cache);
    elsewhere = new Documents(shared);
  };
  const write = (names: string | null, through = documents) =>
    through.update<Tag>(key, () => ({ names }));
  const read = async (how = policy): Promise<string | null | undefined> =>
    (await recent.read(key, how))?.value.names;
  const requests = (): string[] => store.takeRequests();

  beforeEach(() => {
    now = 1000;
    open(Number.POSITIVE_INFINITY);
  });

  it("answers again without asking the store", async () => {
    await write("a");
    await read();
    requests();
    for (let time = 0; time < 3; time += 1) assert.equal(await read(), "a");
    assert.deepEqual(requests(), []);
  });

  it("shows a write as soon as it is acknowledged", async () => {
    await write("a");
    await read();
    await write("b");
    assert.equal(await read(), "b");
  });

  it("keeps nothing of a read that a write has overtaken", async () => {
    await write("a");
    const slow = store.hold("load", /tag/);
    const reading = read();
    const arrive = await slow.answerLate();
    await write("b");
    arrive();
    assert.equal(await reading, "a", "it began before the write");
    assert.equal(await read(), "b");
  });

  it("keeps nothing that is read while a write is on its way", async () => {
    await write("a");
    const landing = store.hold("save", /tag/);
    const writing = write("b");
    await landing.arrived;
    assert.equal(await read(), "a", "the write has not happened yet");
    await landing.proceed();
    await writing;
    assert.equal(await read(), "b");
  });

  it("lets nobody join a read that began before a write", async () => {
    await write("a");
    const slow = store.hold("load", /tag/);
    const before = recent.read(key, policy);
    const arrive = await slow.answerLate();
    await write("b");
    assert.equal(await read(), "b", "without waiting for the other");
    arrive();
    assert.equal((await before)?.value.names, "a");
  });

  it("forgets also when nobody knows whether a write happened", async () => {
    await write("a");
    await read();
    const document = await documents.read<Tag>(key);
    assert.ok(document);
    const lost = store.hold("save", /tag/);
    const writing = documents.replace<Tag>(document, { value: { names: "b" } });
    await lost.arrived;
    store.outage(/load tag/);
    await lost.loseAnswer();
    await assert.rejects(writing, StoreUnavailable);
    store.outage(undefined);
    assert.equal(await read(), "b");
  });

  it("asks once however many want to know", async () => {
    await write("a");
    requests();
    const slow = store.hold("load", /tag/);
    const reading = Array.from({ length: 50 }, () => read());
    await slow.proceed();
    assert.deepEqual(new Set(await Promise.all(reading)), new Set(["a"]));
    assert.deepEqual(requests(), [`load ${key}`]);
  });

  it("asks for each reader what is not there", async () => {
    assert.equal(await read(), undefined);
    await write("a", elsewhere);
    assert.equal(await read(), "a");
    await write(null);
    assert.equal(await read(), null);
    await write("b", elsewhere);
    assert.equal(await read(), "b");
  });

  it("asks again for a reader who came while others were told that it is not there", async () => {
    const slow = store.hold("load", /tag/);
    const first = read();
    const arrive = await slow.answerLate();
    await write("a", elsewhere);
    const late = read();
    arrive();
    assert.equal(await first, undefined);
    assert.equal(await late, "a");
  });

  it("keeps absence where it is good news, until something appears", async () => {
    const absent: CachePolicy<Tag> = { keeps: (document) => document === undefined };
    assert.equal(await read(absent), undefined);
    requests();
    assert.equal(await read(absent), undefined);
    assert.deepEqual(requests(), []);
    await write("a");
    assert.equal(await read(absent), "a");
  });

  it("stays closed until the last of several writers has ended", async () => {
    await write("a");
    const [one, two] = [cache.close(key), cache.close(key)];
    one();
    one();
    await read();
    requests();
    await read();
    assert.deepEqual(requests(), [`load ${key}`]);
    two();
    await read();
    requests();
    await read();
    assert.deepEqual(requests(), []);
  });

  it("answers from memory only while it is trusted", async () => {
    await write("a");
    await read();
    cache.trustUntil(2000);
    now = 1999;
    await write("b", elsewhere);
    assert.equal(await read(), "a");
    now = 2000;
    assert.equal(await read(), "b");
  });

  it("forgets everything, also what is just being read", async () => {
    await write("a");
    const slow = store.hold("load", /tag/);
    const reading = recent.read(key, policy);
    const arrive = await slow.answerLate();
    cache.clear();
    await write("b", elsewhere);
    arrive();
    await reading;
    assert.equal(await read(), "b");
  });

  it("asks again, with what it knows, when what it knows is too old", async () => {
    open(2000);
    await write("a");
    const first = await recent.read(key, policy);
    now += 1999;
    requests();
    await recent.read(key, policy);
    assert.deepEqual(requests(), []);
    now += 1;
    assert.equal(await recent.read(key, policy), first, "the very same, as nothing has changed");
    await write("b", elsewhere);
    now += 2000;
    assert.equal(await read(), "b");
  });

  it("counts age from the beginning of a read", async () => {
    open(2000);
    await write("a");
    const slow = store.hold("load", /tag/);
    const reading = read();
    const arrive = await slow.answerLate();
    now += 2000;
    await write("b", elsewhere);
    arrive();
    await reading;
    assert.equal(await read(), "b");
  });

  it("goes on with content that never changes while the store is away", async () => {
    open(2000, 60_000);
    await write("a");
    await read(lasting);
    now += 60_000;
    store.outage(/load/);
    assert.equal(await read(lasting), "a");
    now += 24 * 60 * 60 * 1000;
    assert.equal(await read(lasting), "a");
  });

  it("goes on with what it knew for ten minutes while the store is away", async () => {
    open(2000);
    await write("a");
    await read();
    store.outage(/load/);
    now += 599_000;
    assert.equal(await read(), "a");
    now += 1000;
    await assert.rejects(read(), StoreUnavailable);
    await assert.rejects(recent.read("tag/app/unknown", policy), StoreUnavailable);
  });

  it("notices what has changed as soon as the store is back", async () => {
    open(2000);
    await write("a");
    await read();
    store.outage(/load/);
    now += 10_000;
    assert.equal(await read(), "a");
    await write("b", elsewhere);
    store.outage(undefined);
    await read(); // finds out behind the reader's back
    await turn();
    assert.equal(await read(), "b");
  });

  it("waits for a store that does not answer only once", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    open(2000);
    await write("a");
    await read();
    now += 10_000;
    const hung = store.hold("load", /tag/);
    const first = read();
    await hung.arrived;
    mock.timers.tick(5000);
    assert.equal(await first, "a");
    for (let time = 0; time < 3; time += 1) assert.equal(await read(), "a");
    assert.equal(store.takeRequests().filter((one) => one.startsWith("load")).length, 3);
    await hung.proceed();
    mock.timers.reset();
  });

  it("does not fall back on what a sibling may have changed", async () => {
    open(2000);
    await write("a");
    await read();
    cache.trustUntil(now);
    store.outage(/load/);
    await assert.rejects(read(), StoreUnavailable);
  });

  it("holds no more than its bytes and keeps what is used", async () => {
    cache = new DocumentCache({ maxAgeMs: Number.POSITIVE_INFINITY, maxBytes: 400_000 });
    documents = new Documents(store, cache);
    recent = new RecentDocuments(documents, cache);
    const load = (number: number): Promise<Document<Tag> | undefined> =>
      recent.read<Tag>(`tag/app/${number}`, policy);
    for (let number = 0; number < 100; number += 1) {
      const content = Buffer.alloc(18_000);
      await documents.create<Tag>(`tag/app/${number}`, { value: { names: "x" }, content });
      await load(number);
      await load(0);
    }
    requests();
    await load(0);
    await load(99);
    assert.deepEqual(requests(), []);
    await load(1);
    assert.deepEqual(requests(), ["load tag/app/1"]);
  });
});
