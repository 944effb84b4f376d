/** Protects the cost of a page of tags: one listing, and reads only where something was deleted. */
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { digestOf } from "../../src/oci/digest.ts";
import { parseRepositoryName } from "../../src/oci/reference.ts";
import { openRegistry } from "../../src/registry/registry.ts";
import type { Tags } from "../../src/registry/tags.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import type {
  ListOptions,
  LoadedObject,
  Precondition,
  Revision,
} from "../../src/storage/object-store.ts";
import { StoreUnavailable } from "../../src/storage/store-error.ts";
import { random } from "../random.ts";

const repository = parseRepositoryName("acme/many");
const digest = digestOf("a manifest");

/** Counts what a bucket would charge for, and fails the next save of a key if told to. */
class CountingStore extends MemoryStore {
  loads = 0;
  lists = 0;
  mostAtOnce = 0;
  #loading = 0;
  failSave: RegExp | undefined;

  override async load(key: string): Promise<LoadedObject | undefined> {
    this.loads += 1;
    this.#loading += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#loading);
    await nextTurn(); // whatever is asked at the same time is seen to be
    this.#loading -= 1;
    return super.load(key);
  }

  override async save(key: string, bytes: Uint8Array, condition: Precondition): Promise<Revision> {
    if (this.failSave?.test(key)) throw new StoreUnavailable("down");
    return super.save(key, bytes, condition);
  }

  override async list(prefix: string, options?: ListOptions) {
    this.lists += 1;
    return super.list(prefix, options);
  }
}

describe("listing tags", () => {
  let store: CountingStore;
  let tags: Tags;

  beforeEach(() => {
    store = new CountingStore();
    tags = openRegistry(store, { manifestLimit: 1024, uploadLifeMs: 1000 }).tags;
  });

  async function fill(count: number): Promise<string[]> {
    const names = Array.from({ length: count }, (_, at) => `v${1000 + at}`);
    for (const name of names) await tags.write(repository, name, digest);
    store.loads = 0;
    store.lists = 0;
    return names;
  }

  it("costs one listing and no read, whatever the number of tags", async () => {
    const names = await fill(300);
    const page = await tags.list(repository, "v1100", 50);
    assert.deepEqual(page, { tags: names.slice(101, 151), more: true });
    assert.deepEqual([store.lists, store.loads], [1, 0]);
  });

  it("reads only what was deleted, and nothing of it once it is back", async () => {
    const names = await fill(60);
    await tags.untag(repository, "v1010");
    await tags.untag(repository, "v1011");
    store.loads = 0;
    const page = await tags.list(repository, "", 30);
    assert.deepEqual(page.tags, names.filter((name) => !/v101[01]/.test(name)).slice(0, 30));
    assert.equal(store.loads, 2);

    await tags.write(repository, "v1010", digest);
    await tags.claim(repository, "v1011", digest);
    store.loads = 0;
    assert.deepEqual((await tags.list(repository, "", 100)).tags, names);
    assert.equal(store.loads, 0);
  });

  it("lists a tag whose deletion failed, and reads it to be sure", async () => {
    await fill(3);
    store.failSave = /v1001$/;
    await assert.rejects(tags.untag(repository, "v1001"), StoreUnavailable);
    store.failSave = undefined;
    store.loads = 0;
    assert.deepEqual((await tags.list(repository, "", 9)).tags, ["v1000", "v1001", "v1002"]);
    assert.equal(store.loads, 1);
  });

  it("does not take a tag away while its hint cannot be written", async () => {
    await fill(2);
    store.failSave = /!/;
    await assert.rejects(tags.untag(repository, "v1000"), StoreUnavailable);
    store.failSave = undefined;
    assert.equal(await tags.read(repository, "v1000"), digest);
    assert.deepEqual((await tags.list(repository, "", 9)).tags, ["v1000", "v1001"]);
  });

  it("keeps deleted tags out while many delete and write the same ones", async () => {
    await fill(6);
    await Promise.all(
      [1, 2, 3, 4].map(async (seed) => {
        const { integer } = random(seed);
        for (let turn = 0; turn < 60; turn += 1) {
          const tag = `v${1000 + integer(0, 5)}`;
          if (integer(0, 1) === 0) await tags.untag(repository, tag);
          else await tags.write(repository, tag, digest, { renew: true });
        }
      }),
    );
    const live = [];
    for (let at = 0; at < 6; at += 1) {
      if (await tags.read(repository, `v${1000 + at}`)) live.push(`v${1000 + at}`);
    }
    assert.deepEqual(await tags.list(repository, "", 10), { tags: live, more: false });
    const hints = (await store.list("tag/acme!many/")).keys.filter((key) =>
      /.![0-9a-f]+$/.test(key),
    );
    assert.equal(hints.length, 6 - live.length, "one hint for each tombstone, none left over");
  });

  it("takes away the tags of one manifest with few listings, reading some at a time", async () => {
    const names = await fill(2500);
    const other = digestOf("another manifest");
    for (const name of names.slice(0, 100)) await tags.write(repository, name, other);
    store.loads = 0;
    store.lists = 0;
    store.mostAtOnce = 0;
    await tags.dropNaming(repository, other, async () => true);
    assert.equal(store.lists, 3);
    assert.equal(store.loads, 2500 + 100, "each tag once, and once more what is deleted");
    assert.ok(store.mostAtOnce > 8 && store.mostAtOnce <= 64, `${store.mostAtOnce} at once`);
    const page = await tags.list(repository, "", 1000);
    assert.deepEqual(page, { tags: names.slice(100, 1100), more: true });
  });

  it("pages through every tag once, with pages of any size and deleted tags anywhere", async () => {
    const names = await fill(40);
    const { integer } = random(7);
    const kept = names.filter(() => integer(0, 2) > 0);
    for (const name of names) if (!kept.includes(name)) await tags.untag(repository, name);
    for (const limit of [1, 2, 3, 7, 39, 40, 41]) {
      const seen: string[] = [];
      for (let more = true; more; ) {
        const page = await tags.list(repository, seen.at(-1) ?? "", limit);
        assert.ok(page.tags.length === limit || !page.more, `a short page of ${limit}`);
        seen.push(...page.tags);
        more = page.more;
      }
      assert.deepEqual(seen, kept);
    }
  });
});
