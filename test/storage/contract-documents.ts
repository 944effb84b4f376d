/** Contract of the ObjectStore port: small documents under preconditions. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Revision } from "../../src/storage/object-store.ts";
import { PreconditionFailed } from "../../src/storage/store-error.ts";
import { allKeys, pattern } from "./bytes.ts";
import type { Tested } from "./object-store-contract.ts";

const absent = { absent: true } as const;
const key = "doc/one";

export function describeDocuments(tested: Tested): void {
  const save = (text: string, revision?: Revision): Promise<Revision> =>
    tested().store.save(key, Buffer.from(text), revision === undefined ? absent : { revision });
  const text = async (): Promise<string | undefined> =>
    (await tested().store.load(key))?.bytes.toString();

  describe("documents", () => {
    it("knows nothing of a key that was never written", async () => {
      assert.equal(await tested().store.load(key), undefined);
      assert.equal(await tested().store.stat(key), undefined);
    });

    for (const size of [0, 1, 16 * 1024, 3 * 1024 * 1024]) {
      it(`gives back ${size} bytes as they were`, async () => {
        const { store, sibling } = tested();
        const bytes = pattern(size);
        const revision = await store.save(key, bytes, absent);
        for (const reader of [store, sibling]) {
          const loaded = await reader.load(key);
          assert.ok(loaded);
          assert.ok(loaded.bytes.equals(bytes));
          assert.equal(loaded.revision, revision);
          assert.equal(await reader.stat(key), size);
        }
      });
    }

    it("keeps its own copy of what it is given and gives away copies", async () => {
      const { store } = tested();
      const bytes = Buffer.from("original");
      await store.save(key, bytes, absent);
      bytes.fill("x");
      (await store.load(key))?.bytes.fill("y");
      assert.equal(await text(), "original");
    });

    it("gives every state a revision of its own", async () => {
      const first = await save("1");
      const second = await save("2", first);
      const third = await save("3", second);
      assert.equal(new Set([first, second, third]).size, 3);
    });

    it("creates only where nothing is", async () => {
      await save("old");
      await assert.rejects(save("new"), PreconditionFailed);
      assert.equal(await text(), "old");
    });

    it("lets exactly one of many creators win", async () => {
      const { store, sibling } = tested();
      for (let round = 0; round < 20; round += 1) {
        const contested = `race/${round}`;
        const attempts = await Promise.allSettled(
          Array.from({ length: 8 }, async (_, writer) => {
            const through = writer % 2 === 0 ? store : sibling;
            await through.save(contested, Buffer.from(`writer ${writer}`), absent);
            return `writer ${writer}`;
          }),
        );
        const winners = attempts.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
        const losses = attempts.flatMap((one) => (one.status === "rejected" ? one.reason : []));
        assert.equal(winners.length, 1);
        assert.ok(losses.every((reason) => reason instanceof PreconditionFailed));
        assert.equal((await sibling.load(contested))?.bytes.toString(), winners[0]);
      }
    });

    it("replaces the revision that it is told to", async () => {
      await save("new", await save("old"));
      assert.equal(await text(), "new");
    });

    it("refuses to replace an older revision", async () => {
      const first = await save("1");
      await save("2", first);
      await assert.rejects(save("3", first), PreconditionFailed);
      assert.equal(await text(), "2");
    });

    it("refuses a revision that never was", async () => {
      await save("1");
      await assert.rejects(save("2", "never" as Revision), PreconditionFailed);
      await assert.rejects(save("2", "" as Revision), PreconditionFailed);
      assert.equal(await text(), "1");
    });

    it("lets exactly one of many replacers of one revision win", async () => {
      const { store, sibling } = tested();
      let revision = await save("start");
      for (let round = 0; round < 20; round += 1) {
        const expected = revision;
        const attempts = await Promise.allSettled(
          Array.from({ length: 8 }, (_, writer) =>
            (writer % 2 === 0 ? store : sibling).save(key, Buffer.from(`${round} ${writer}`), {
              revision: expected,
            }),
          ),
        );
        const won = attempts.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
        const losses = attempts.flatMap((one) => (one.status === "rejected" ? one.reason : []));
        assert.equal(won.length, 1);
        assert.ok(losses.every((reason) => reason instanceof PreconditionFailed));
        revision = (await sibling.load(key))?.revision as Revision;
        assert.equal(revision, won[0]);
      }
    });

    it("never creates by replacing", async () => {
      await assert.rejects(save("x", "none" as Revision), PreconditionFailed);
      assert.equal(await tested().store.load(key), undefined);
      assert.deepEqual(await allKeys(tested().store), []);
    });

    it("never brings back by replacing what was deleted", async () => {
      const revision = await save("old");
      await tested().store.delete(key);
      await assert.rejects(save("new", revision), PreconditionFailed);
      assert.deepEqual(await allKeys(tested().store), []);
    });

    it("never brings back by a racing replace what is being deleted", async () => {
      const { store, sibling } = tested();
      for (let round = 0; round < 20; round += 1) {
        const contested = `gone/${round}`;
        const revision = await store.save(contested, Buffer.from("old"), absent);
        await Promise.allSettled([
          sibling.save(contested, Buffer.from("new"), { revision }),
          store.delete(contested),
        ]);
        assert.equal(await store.load(contested), undefined);
      }
    });

    it("sees at once what another process has written", async () => {
      const { store, sibling } = tested();
      let revision = await store.save(key, Buffer.from("0"), absent);
      for (let turn = 1; turn <= 20; turn += 1) {
        const [writer, reader] = turn % 2 === 0 ? [store, sibling] : [sibling, store];
        revision = await writer.save(key, Buffer.from(String(turn)), { revision });
        assert.equal((await reader.load(key))?.bytes.toString(), String(turn));
      }
    });

    it("never shows half of a document", async () => {
      const { store, sibling } = tested();
      const state = (turn: number): Buffer => Buffer.alloc(200_000, 97 + (turn % 26));
      let revision = await store.save(key, state(0), absent);
      let writing = true;
      const reading = (async () => {
        for (let reads = 0; writing || reads === 0; reads += 1) {
          const bytes = (await sibling.load(key))?.bytes;
          assert.equal(bytes?.byteLength, 200_000);
          assert.ok(bytes.equals(Buffer.alloc(200_000, bytes[0])));
        }
      })();
      for (let turn = 1; turn <= 30; turn += 1) {
        revision = await store.save(key, state(turn), { revision });
      }
      writing = false;
      await reading;
    });

    it("deletes twice as well as once", async () => {
      await save("x");
      await tested().store.delete(key);
      await tested().store.delete(key);
      await tested().store.delete("never/was");
      assert.equal(await tested().store.stat(key), undefined);
    });
  });
}
