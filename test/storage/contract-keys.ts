/** Contract of the ObjectStore port: which keys there are. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ObjectStore, Revision } from "../../src/storage/object-store.ts";
import { collect, writeData } from "./bytes.ts";
import type { Tested } from "./object-store-contract.ts";

const accepted = [
  "a",
  "catalog",
  "rec/sha256/00/00ff",
  "tag/library!redis/7.2-alpine_3",
  "tag/x/_underscore",
  "!/!",
  "a.b/c..d",
  "a=b,c+d@e",
  "x".repeat(255),
  `${"y".repeat(255)}/${"z".repeat(255)}/${"0".repeat(255)}`,
  `d/${"e/".repeat(200)}f`,
];

const refused = [
  "",
  "/",
  "/a",
  "a/",
  "a//b",
  ".",
  "..",
  "../a",
  "a/../b",
  "a/./b",
  ".hidden",
  "-flag",
  "a/-b",
  "a b",
  "a\nb",
  "a\n",
  "a\0b",
  "a\\b",
  "a%2fb",
  "a:b",
  "a*b",
  "ä",
  "日本",
  "\u{1f4e6}",
  "x".repeat(256),
  `${"y/".repeat(450)}z`,
];

type Call = (store: ObjectStore, key: string) => Promise<unknown>;

const calls: Readonly<Record<string, Call>> = {
  stat: (store, key) => store.stat(key),
  load: (store, key) => store.load(key),
  save: (store, key) => store.save(key, Buffer.from("x"), { absent: true }),
  replace: (store, key) => store.save(key, Buffer.from("x"), { revision: "r" as Revision }),
  read: (store, key) => store.read(key),
  stage: (store, key) => store.stage(key),
  delete: (store, key) => store.delete(key),
};

export function describeKeys(tested: Tested): void {
  describe("keys", () => {
    for (const key of accepted) {
      const title = key.length > 60 ? `${key.slice(0, 20)}… of ${key.length} characters` : key;

      it(`keeps a document and data under ${title}`, async () => {
        const { store } = tested();
        await store.save(key, Buffer.from("document"), { absent: true });
        assert.equal((await store.load(key))?.bytes.toString(), "document");
        assert.deepEqual((await store.list("")).keys, [key]);
        await store.delete(key);
        assert.equal(await store.load(key), undefined);
        await writeData(store, key, Buffer.from("data"));
        assert.equal((await collect(await store.read(key))).toString(), "data");
      });
    }

    for (const [name, call] of Object.entries(calls)) {
      it(`refuses names outside the grammar in ${name}`, async () => {
        for (const key of refused) {
          await assert.rejects(call(tested().store, key), TypeError, JSON.stringify(key));
        }
        assert.deepEqual((await tested().store.list("")).keys, []);
      });
    }

    it("refuses prefixes that are no directory of keys", async () => {
      for (const prefix of ["a", "/", "a//", "../", "a/../", ".a/", "ä/", "a b/"]) {
        await assert.rejects(tested().store.list(prefix), TypeError, prefix);
      }
    });

    it("tells keys apart by case", async () => {
      const { store } = tested();
      await store.save("tag/A", Buffer.from("upper"), { absent: true });
      await store.save("tag/a", Buffer.from("lower"), { absent: true });
      assert.equal((await store.load("tag/A"))?.bytes.toString(), "upper");
      assert.equal((await store.load("tag/a"))?.bytes.toString(), "lower");
    });
  });
}
