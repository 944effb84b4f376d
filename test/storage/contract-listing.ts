/** Contract of the ObjectStore port: listings, page by page and beside writers. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ObjectStore, Revision } from "../../src/storage/object-store.ts";
import { allKeys } from "./bytes.ts";
import type { Tested } from "./object-store-contract.ts";

const absent = { absent: true } as const;

async function fill(store: ObjectStore, keys: readonly string[]): Promise<void> {
  for (let start = 0; start < keys.length; start += 50) {
    const some = keys.slice(start, start + 50);
    await Promise.all(some.map((key) => store.save(key, Buffer.from(key), absent)));
  }
}

export function describeListing(tested: Tested): void {
  describe("listing", () => {
    it("lists nothing in an empty store", async () => {
      assert.deepEqual(await tested().store.list(""), { keys: [], more: false });
      assert.deepEqual(await tested().store.list("none/"), { keys: [], more: false });
    });

    it("lists in the byte order of whole keys, across directories", async () => {
      const ordered = ["!z", "A", "B/!", "B/0", "B/A/z", "B/A!", "B/A0", "B0", "_", "a!b", "a+b"];
      const keys = [...ordered, "a,b", "a-b/c", "a.b", "a/b/c", "a/c", "a0", "a=b", "a@", "aa/b"];
      await fill(tested().store, [...keys].reverse());
      const sorted = [...keys].sort((one, other) => Buffer.compare(toBytes(one), toBytes(other)));
      assert.deepEqual((await tested().sibling.list("")).keys, sorted);
    });

    it("lists exactly what stands below a prefix", async () => {
      await fill(tested().store, ["a/b", "a/b0", "ab/c", "a!/d", "a/c/d", "a/c/e/f", "a/cd", "b"]);
      const below = async (prefix: string) => (await tested().store.list(prefix)).keys;
      assert.deepEqual(await below("a/"), ["a/b", "a/b0", "a/c/d", "a/c/e/f", "a/cd"]);
      assert.deepEqual(await below("a/c/"), ["a/c/d", "a/c/e/f"]);
      assert.deepEqual(await below("a/c/e/f/"), []);
      assert.deepEqual(await below("a/b/"), []);
      assert.deepEqual(await below("b/"), []);
    });

    it("begins behind `after`, whether that key exists or not", async () => {
      const keys = ["t/a", "t/b/1", "t/b/2", "t/c"];
      await fill(tested().store, keys);
      const behind = async (after: string) => (await tested().store.list("t/", { after })).keys;
      assert.deepEqual(await behind("t/a"), ["t/b/1", "t/b/2", "t/c"]);
      assert.deepEqual(await behind("t/aa"), ["t/b/1", "t/b/2", "t/c"]);
      assert.deepEqual(await behind("t/b"), ["t/b/1", "t/b/2", "t/c"]);
      assert.deepEqual(await behind("t/b/"), ["t/b/1", "t/b/2", "t/c"]);
      assert.deepEqual(await behind("t/b/1"), ["t/b/2", "t/c"]);
      assert.deepEqual(await behind("t/b/9"), ["t/c"]);
      assert.deepEqual(await behind("t/c"), []);
      assert.deepEqual(await behind("s"), keys);
      assert.deepEqual(await behind("u"), []);
    });

    it("says whether more is behind the page", async () => {
      const { store } = tested();
      await fill(store, ["p/1", "p/2", "p/3"]);
      assert.deepEqual(await store.list("p/", { limit: 2 }), { keys: ["p/1", "p/2"], more: true });
      assert.deepEqual((await store.list("p/", { limit: 3 })).more, false);
      const rest = await store.list("p/", { after: "p/2", limit: 1 });
      assert.deepEqual(rest, { keys: ["p/3"], more: false });
      assert.deepEqual(await store.list("p/", { limit: 0 }), { keys: [], more: true });
    });

    it("lists more than a thousand keys page by page, none twice", async () => {
      const keys = Array.from({ length: 1_234 }, (_, number) => {
        const name = number.toString(36).padStart(4, "0");
        return number % 50 === 0 ? `many/${name}/leaf` : `many/${name}`;
      });
      await fill(tested().store, keys);
      keys.sort();
      assert.equal((await tested().store.list("many/")).keys.length, 1000);
      assert.deepEqual(await allKeys(tested().store, "many/"), keys);
      const small: string[] = [];
      for (let more = true; more; ) {
        const page = await tested().store.list("many/", { after: small.at(-1) ?? "", limit: 7 });
        small.push(...page.keys);
        more = page.more;
      }
      assert.deepEqual(small, keys);
    });

    it("stamps keys when asked, and none that was changed as before", async () => {
      const { store, sibling } = tested();
      const keys = ["s/1", "s/2", "s/3"];
      await fill(store, keys);
      assert.equal((await store.list("s/")).stamps, undefined);
      const seen = new Set<string>();
      for (let turn = 0; turn < 40; turn += 1) {
        const page = await sibling.list("s/", { stamps: true });
        assert.deepEqual(page.keys, keys);
        assert.equal(page.stamps?.length, 3);
        const [, stamp] = page.stamps;
        if (stamp !== undefined) {
          assert.equal(seen.has(stamp), false);
          seen.add(stamp);
        }
        const { revision } = (await store.load("s/2")) ?? { revision: "" as Revision };
        await store.save("s/2", Buffer.from(`turn ${100 + turn}`), { revision });
      }
    });

    it("stamps what did not change as before, page by page", async () => {
      const { store } = tested();
      await fill(store, ["s/1", "s/2", "s/3"]);
      const first = await store.list("s/", { stamps: true });
      const second = await store.list("s/", { stamps: true, after: "s/1", limit: 1 });
      assert.deepEqual({ keys: second.keys, more: second.more }, { keys: ["s/2"], more: true });
      const [stamp] = second.stamps ?? [];
      if (stamp !== undefined) assert.equal(stamp, first.stamps?.[1]);
    });

    it("says how large each object is when asked, page by page", async () => {
      const { store, sibling } = tested();
      const staged = await store.stage("z/data");
      await staged.append(Buffer.alloc(1234));
      await staged.commit();
      await fill(store, ["z/1", "z/long/name"]);
      assert.equal((await sibling.list("z/")).sizes, undefined);
      const page = await sibling.list("z/", { sizes: true });
      assert.deepEqual(page, {
        keys: ["z/1", "z/data", "z/long/name"],
        sizes: [3, 1234, 11],
        more: false,
      });
      const behind = await sibling.list("z/", { sizes: true, after: "z/1", limit: 1 });
      assert.deepEqual(behind, { keys: ["z/data"], sizes: [1234], more: true });
    });

    it("no longer lists what was deleted", async () => {
      await fill(tested().store, ["d/1", "d/2", "d/e/3"]);
      await tested().store.delete("d/1");
      await tested().store.delete("d/e/3");
      assert.deepEqual((await tested().sibling.list("d/")).keys, ["d/2"]);
    });

    it("lists every key that is overwritten meanwhile", async () => {
      const { store, sibling } = tested();
      const keys = Array.from({ length: 300 }, (_, number) => `busy/${1000 + number}`);
      await fill(store, keys);
      let listing = true;
      const overwrite = async (mine: readonly string[]): Promise<number> => {
        let writes = 0;
        while (listing) {
          for (const key of mine) {
            const { revision } = (await store.load(key)) ?? { revision: "" as Revision };
            await store.save(key, Buffer.from(`${key} ${writes}`), { revision });
            writes += 1;
          }
        }
        return writes;
      };
      const writers = [0, 1, 2, 3].map((part) =>
        overwrite(keys.filter((_, position) => position % 4 === part)),
      );
      try {
        for (let turn = 0; turn < 60; turn += 1) {
          assert.deepEqual((await sibling.list("busy/")).keys, keys);
        }
      } finally {
        listing = false;
      }
      const written = (await Promise.all(writers)).reduce((sum, writes) => sum + writes, 0);
      assert.ok(written >= 4, "the writers have written");
    });

    it("lists every old key while others come and go", async () => {
      const { store, sibling } = tested();
      const old = Array.from({ length: 200 }, (_, number) => `mixed/${1000 + number}`);
      await fill(store, old);
      let listing = true;
      const comeAndGo = async (): Promise<void> => {
        for (let turn = 0; listing; turn += 1) {
          const fleeting = `mixed/${1000 + (turn % 200)}x`;
          await store.save(fleeting, Buffer.from("x"), absent);
          await store.delete(fleeting);
        }
      };
      const coming = comeAndGo();
      try {
        for (let turn = 0; turn < 60; turn += 1) {
          const listed = new Set((await sibling.list("mixed/")).keys);
          assert.deepEqual(
            old.filter((key) => !listed.has(key)),
            [],
          );
        }
      } finally {
        listing = false;
      }
      await coming;
    });
  });
}

function toBytes(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
