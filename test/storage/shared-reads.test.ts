/** Data of a distant store that many read at once: fetched once, kept within limits, never wrong. */
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { ForwardingStore } from "../../src/storage/forwarding-store.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import type { ReadOptions } from "../../src/storage/object-store.ts";
import { SharedReads } from "../../src/storage/shared-reads.ts";
import {
  ObjectDamaged,
  ObjectNotFound,
  StoreFull,
  StoreUnavailable,
} from "../../src/storage/store-error.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";
import { collect, pattern } from "./bytes.ts";
import { describeObjectStore } from "./object-store-contract.ts";
import { openMemory } from "./store-under-test.ts";

const MiB = 1024 * 1024;
const size = 3 * MiB + 17;

/** A store far away: the test lets its chunks through one by one, and counts what is asked for. */
class DistantStore extends ForwardingStore {
  readonly asked: string[] = [];
  fetching = 0;
  /** Chunks that may still come; without it all of them. */
  allowed: number | undefined;
  breaksAfter: number | undefined;

  override async read(key: string, options: ReadOptions = {}): Promise<AsyncIterable<Buffer>> {
    const { range } = options;
    this.asked.push(range ? `${key} ${range.start}-${range.end}` : key);
    return this.#slowly(await super.read(key, options), options.signal);
  }

  async *#slowly(body: AsyncIterable<Buffer>, signal?: AbortSignal): AsyncGenerator<Buffer> {
    this.fetching += 1;
    const breaksAfter = this.breaksAfter;
    try {
      let chunks = 0;
      for await (const chunk of body) {
        if (chunks === breaksAfter) throw new StoreUnavailable("the line broke");
        while (this.allowed === 0) {
          signal?.throwIfAborted();
          await turn();
        }
        if (this.allowed) this.allowed -= 1;
        chunks += 1;
        yield chunk;
      }
    } finally {
      this.fetching -= 1;
    }
  }
}

describe("shared reads", () => {
  let directory: string;
  let distant: DistantStore;
  let store: SharedReads;
  const bytes = pattern(size, 7);
  const all = { range: { start: 0, end: size - 1 } };

  const put = async (key: string, content = bytes): Promise<void> => {
    const staged = await distant.stage(key);
    await staged.append(content);
    await staged.commit();
  };
  const open = (maxBytes: number): void => {
    store = new SharedReads(distant, { directory, maxBytes });
  };
  const whole = async (key = "data/x"): Promise<Buffer> => collect(await store.read(key, all));
  const idle = async (): Promise<void> => {
    while (distant.fetching > 0) await turn();
  };

  beforeEach(async () => {
    directory = await makeScratch("shared");
    distant = new DistantStore(new MemoryStore());
    open(0);
    await put("data/x");
  });
  afterEach(async () => {
    await store.close();
    await removeScratch(directory);
  });

  it("fetch once for fifty who read at the same time", async () => {
    distant.allowed = 1;
    const reading = Array.from({ length: 50 }, () => whole());
    await turn();
    distant.allowed = undefined;
    for (const read of await Promise.all(reading)) assert.ok(read.equals(bytes));
    assert.deepEqual(distant.asked, ["data/x"]);
  });

  it("give each reader the part that he wants, as soon as it is there", async () => {
    distant.allowed = 2;
    const body = await store.read("data/x", { range: { start: 10, end: 2 * MiB } });
    const chunks = body[Symbol.asyncIterator]();
    const first = await chunks.next();
    assert.ok(Buffer.from(first.value ?? []).equals(bytes.subarray(10, 10 + first.value?.length)));
    distant.allowed = undefined;
    const middle = await store.read("data/x", { range: { start: MiB, end: MiB + 9 } });
    assert.ok((await collect(middle)).equals(bytes.subarray(MiB, MiB + 10)));
    await chunks.return?.();
    await idle();
  });

  it("keep nothing when nothing is to be kept", async () => {
    await whole();
    await whole();
    assert.deepEqual(distant.asked, ["data/x", "data/x"]);
  });

  it("keep what fits, and let go of what was not used for longest", async () => {
    open(2.5 * size);
    for (const key of ["data/y", "data/z"]) await put(key);
    for (const key of ["data/x", "data/y", "data/x", "data/z", "data/x"]) await whole(key);
    assert.deepEqual(distant.asked, ["data/x", "data/y", "data/z"]);
    await whole("data/y");
    assert.equal(distant.asked.length, 4);
  });

  it("keep nothing while its disk is full", async () => {
    let refusal: StoreFull | undefined = new StoreFull(undefined, "full");
    const room = { refusal: () => refusal, require: async () => undefined };
    store = new SharedReads(distant, { directory, maxBytes: 2 * size, room });
    for (let read = 0; read < 2; read += 1) await whole();
    assert.equal(distant.asked.length, 2);
    refusal = undefined;
    for (let read = 0; read < 2; read += 1) await whole();
    assert.equal(distant.asked.length, 3);
  });

  it("leave no file behind, whatever becomes of the process", async () => {
    open(size);
    await whole();
    assert.deepEqual(await readdir(directory), []);
  });

  it("stop fetching when nobody reads any more", async () => {
    distant.allowed = 1;
    const chunks = (await store.read("data/x", all))[Symbol.asyncIterator]();
    await chunks.next();
    await chunks.return?.();
    await idle();
    distant.allowed = undefined;
    assert.ok((await whole()).equals(bytes));
  });

  it("stop fetching when a reader is ended before his first chunk", async () => {
    distant.allowed = 0;
    const body = await store.read("data/x", all);
    await body[Symbol.asyncIterator]().return?.();
    await idle();
  });

  it("let a reader go who waits and whose client has left", async () => {
    distant.allowed = 0;
    const gone = new AbortController();
    const reading = collect(await store.read("data/x", { ...all, signal: gone.signal }));
    await turn();
    gone.abort();
    await assert.rejects(reading, { name: "AbortError" });
    await idle();
  });

  it("go on from the store itself where the fetch broke", async () => {
    distant.breaksAfter = 5;
    const body = await store.read("data/x", all);
    const chunks = body[Symbol.asyncIterator]();
    const first = await chunks.next();
    distant.breaksAfter = undefined;
    const read = [Buffer.from(first.value ?? [])];
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
      read.push(Buffer.from(next.value));
    }
    assert.ok(Buffer.concat(read).equals(bytes));
    assert.match(distant.asked.at(-1) ?? "", new RegExp(`^data/x \\d+-${size - 1}$`));
  });

  it("go on from the store itself when there is no place for a file", async () => {
    await removeScratch(directory);
    assert.ok((await whole()).equals(bytes));
  });

  it("ask the store itself for what lies far ahead", async () => {
    const far = { range: { start: 40 * MiB, end: 40 * MiB + 3 } };
    await assert.rejects(async () => collect(await store.read("data/x", far)), ObjectDamaged);
    assert.deepEqual(distant.asked, [`data/x ${40 * MiB}-${40 * MiB + 3}`]);
  });

  it("say that something is missing before anything is promised", async () => {
    await assert.rejects(store.read("data/none", all), ObjectNotFound);
    await assert.rejects(store.read("data/none", all), ObjectNotFound);
  });

  it("do not serve what was deleted", async () => {
    open(size);
    await whole();
    await store.delete("data/x");
    await assert.rejects(whole(), ObjectNotFound);
  });

  describeObjectStore("shared reads", async () => {
    const inner = await openMemory();
    const shared = new SharedReads(inner.store, { directory, maxBytes: MiB });
    return { ...inner, store: shared, sibling: inner.store };
  });
});
