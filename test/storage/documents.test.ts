/** Documents under compare-and-swap: lost answers, late landings, many writers. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type Document, DocumentChanged, DocumentDamaged } from "../../src/storage/document.ts";
import { Documents } from "../../src/storage/documents.ts";
import {
  ObjectDamaged,
  PreconditionFailed,
  StoreFull,
  StoreUnavailable,
} from "../../src/storage/store-error.ts";
import { ScriptedStore } from "./scripted-store.ts";
import { closeClean, openFilesystem, openMemory, type StoreUnderTest } from "./store-under-test.ts";

interface Counter {
  readonly count: number;
}

const key = "doc/counter";
const plusOne = (current: Counter | undefined): Counter => ({ count: (current?.count ?? 0) + 1 });

for (const [adapter, open] of Object.entries({ memory: openMemory, filesystem: openFilesystem })) {
  describe(`documents, on ${adapter}`, () => {
    let tested: StoreUnderTest;
    let mine: ScriptedStore;
    let documents: Documents;
    let theirs: Documents;

    beforeEach(async () => {
      tested = await open();
      mine = new ScriptedStore(tested.store);
      documents = new Documents(mine);
      theirs = new Documents(tested.sibling);
    });
    afterEach(() => closeClean(tested));

    const start = (): Promise<Document<Counter>> =>
      documents.create<Counter>(key, { value: { count: 0 } });
    const count = async (): Promise<number | undefined> =>
      (await theirs.read<Counter>(key))?.value.count;

    it("keeps a value, raw bytes and the number of its writes", async () => {
      const content = Buffer.from([0, 10, 255, 10, 13]);
      const first = await documents.create(key, { value: { count: 1 }, content });
      const found = await theirs.read<Counter>(key);
      assert.deepEqual(found, first);
      assert.deepEqual(found?.content, content);
      assert.equal(found?.generation, 1);
      assert.equal((await theirs.replace(first, { value: { count: 2 } })).generation, 2);
      assert.equal((await documents.read(key))?.content.byteLength, 0);
    });

    it("keeps the raw bytes of a document whose value is updated", async () => {
      const content = Buffer.from("raw");
      await documents.create(key, { value: { count: 1 }, content });
      await documents.update<Counter>(key, plusOne);
      assert.deepEqual((await theirs.read(key))?.content, content);
    });

    it("gives back the known state when nothing has changed", async () => {
      const known = await start();
      assert.equal(await documents.read(key, known), known);
      await theirs.update<Counter>(key, plusOne);
      assert.equal((await documents.read<Counter>(key, known))?.value.count, 1);
      assert.equal(await documents.read("doc/none"), undefined);
    });

    it("tells a writer who was late what is there now", async () => {
      const first = await start();
      await theirs.replace(first, { value: { count: 7 } });
      const late = documents.replace(first, { value: { count: 8 } });
      await assert.rejects(late, (error: DocumentChanged<Counter>) => {
        assert.ok(error instanceof DocumentChanged);
        assert.equal(error.current?.value.count, 7);
        return true;
      });
      await assert.rejects(documents.create(key, { value: { count: 9 } }), DocumentChanged);
      assert.equal(await count(), 7);
    });

    it("finds a write whose answer was lost by its own transaction", async () => {
      const creating = mine.hold("save", /counter/);
      const created = start();
      await creating.loseAnswer();
      const first = await created;
      const replacing = mine.hold("save", /counter/);
      const replaced = documents.replace(first, { value: { count: 5 } });
      await replacing.loseAnswer();
      assert.equal((await replaced).value.count, 5);
      assert.equal((await theirs.read(key))?.generation, 2);
    });

    it("repeats a write that never reached the store", async () => {
      const saving = mine.hold("save", /counter/);
      const created = start();
      await saving.drop();
      assert.equal((await created).generation, 1);
      assert.equal(await count(), 0);
    });

    it("finds a lost write although others have written since", async () => {
      const first = await start();
      const saving = mine.hold("save", /counter/);
      const replaced = documents.replace(first, { value: { count: 100 } });
      await saving.arrived;
      const answered = mine.hold("load", /counter/);
      await saving.loseAnswer();
      await answered.arrived;
      for (let writes = 0; writes < 63; writes += 1) await theirs.update<Counter>(key, plusOne);
      await answered.proceed();
      assert.equal((await replaced).value.count, 100);
      assert.equal(await count(), 163);
    });

    it("does not let a writer go on from what others have made of a write he just learned of", async () => {
      const first = await start();
      const saving = mine.hold("save", /counter/);
      const replacing = documents.replace(first, { value: { count: 100 } });
      await saving.arrived;
      const answered = mine.hold("load", /counter/);
      await saving.loseAnswer();
      await answered.arrived;
      await theirs.update<Counter>(key, plusOne);
      await answered.proceed();
      const mineAgain = await replacing;
      assert.equal(mineAgain.value.count, 100);
      const late = documents.replace(mineAgain, { value: { count: 0 } });
      await assert.rejects(late, DocumentChanged);
      assert.equal((await documents.read<Counter>(key, mineAgain))?.value.count, 101);
    });

    it("applies an update once although its answer was lost", async () => {
      await start();
      for (let turn = 0; turn < 5; turn += 1) {
        const saving = mine.hold("save", /counter/);
        const updated = documents.update<Counter>(key, plusOne);
        await (turn % 2 === 0 ? saving.loseAnswer() : saving.drop());
        await updated;
      }
      assert.equal(await count(), 5);
    });

    it("is not overwritten by a write that lands after its writer has repeated it", async () => {
      const first = await start();
      const saving = mine.hold("save", /counter/);
      const replaced = documents.replace(first, { value: { count: 1 } });
      const land = await saving.delay();
      await replaced;
      await theirs.update<Counter>(key, plusOne);
      assert.equal(await land(), "refused");
      assert.equal(await count(), 2);
    });

    it("lets a delayed write land once, when its writer has not repeated it yet", async () => {
      const first = await start();
      const saving = mine.hold("save", /counter/);
      const repeating = mine.hold("save", /counter/);
      const replaced = documents.replace(first, { value: { count: 1 } });
      const land = await saving.delay();
      await repeating.arrived;
      assert.equal(await land(), "done");
      await repeating.proceed();
      assert.equal((await replaced).value.count, 1);
      assert.equal((await theirs.read(key))?.generation, 2);
    });

    it("does not answer while it cannot find out whether a write happened", async () => {
      const first = await start();
      const saving = mine.hold("save", /counter/);
      const replaced = documents.replace(first, { value: { count: 1 } });
      await saving.arrived;
      mine.outage(/^load/);
      await saving.loseAnswer();
      await assert.rejects(replaced, StoreUnavailable);
    });

    it("gives up when the store stays away", async () => {
      mine.outage(/^save/);
      await assert.rejects(start(), StoreUnavailable);
      assert.equal(await count(), undefined);
    });

    it("takes a full store for a certain refusal", async () => {
      const saving = mine.hold("save", /counter/);
      const created = assert.rejects(start(), StoreFull);
      await saving.refuse(new StoreFull());
      await created;
      assert.equal(mine.takeRequests().length, 1);
    });

    it("takes a full store for no answer about an attempt that may still land", async () => {
      const first = await start();
      const [saving, repeating, again] = [1, 2, 3].map(() => mine.hold("save", /counter/));
      const replaced = documents.replace(first, { value: { count: 1 } });
      const land = await saving?.delay();
      await repeating?.refuse(new StoreFull());
      await again?.arrived;
      assert.equal(await land?.(), "done");
      await again?.proceed();
      assert.equal((await replaced).value.count, 1);
      assert.equal((await theirs.read(key))?.generation, 2);
    });

    it("counts exactly with eight writers at once", async () => {
      const add = async (writer: number): Promise<void> => {
        for (let turn = 0; turn < 12; turn += 1) {
          await (writer % 2 === 0 ? documents : theirs).update<Counter>(key, plusOne);
        }
      };
      await Promise.all(Array.from({ length: 8 }, (_, writer) => add(writer)));
      assert.equal(await count(), 96);
      const found = await theirs.read(key);
      assert.equal(found?.generation, 96);
      assert.equal(new Set(found?.transactions).size, 64);
    });

    it("leaves a document alone when the change wants nothing", async () => {
      const first = await start();
      assert.deepEqual(await documents.update<Counter>(key, () => undefined), first);
      assert.equal(await documents.update("doc/none", () => undefined), undefined);
      assert.equal(await theirs.read("doc/none"), undefined);
    });

    it("gives up when other writers are always first, and has written nothing", async () => {
      await start();
      let over = false;
      const crowded = documents
        .update<Counter>(key, (current) => ({ count: (current?.count ?? 0) + 1000 }))
        .finally(() => {
          over = true;
        });
      const refused = assert.rejects(crowded, /too many writers/);
      let others = 0;
      for (;;) {
        const saving = mine.hold("save", /counter/);
        await Promise.race([saving.arrived, refused]);
        if (over) break;
        await theirs.update<Counter>(key, plusOne);
        others += 1;
        await saving.proceed();
      }
      await refused;
      assert.ok(others >= 20);
      assert.equal(await count(), others);
    });

    it("gets through between writers of other processes", async () => {
      await start();
      for (let turn = 0; turn < 10; turn += 1) {
        const saving = mine.hold("save", /counter/);
        const adding = documents.update<Counter>(key, plusOne);
        await saving.arrived;
        await theirs.update<Counter>(key, plusOne);
        await saving.proceed();
        await adding;
      }
      assert.equal(await count(), 20);
    });

    it("is the same without raw bytes, whatever stands for none", async () => {
      const nowhere = Buffer.alloc(0);
      assert.equal(nowhere.buffer.byteLength, 0); // From here on it has a place of its own: none.
      const empty = [nowhere, Buffer.alloc(0), Buffer.from("x").subarray(1), nowhere.subarray(0)];
      for (const [at, content] of empty.entries()) {
        await documents.create<Counter>(`doc/${at}`, { value: { count: at }, content });
        const read = await theirs.read<Counter>(`doc/${at}`);
        assert.deepEqual([read?.value, read?.content.length], [{ count: at }, 0]);
      }
    });

    it("refuses to read what is no document", async () => {
      for (const [position, text] of [
        "",
        "no line",
        "{\n",
        "null\n",
        "[]\n",
        '{"value":1}\n',
      ].entries()) {
        const name = `bad/${position}`;
        await tested.store.save(name, Buffer.from(text), { absent: true });
        await assert.rejects(documents.read(name), ObjectDamaged, JSON.stringify(text));
        await assert.rejects(
          documents.update(name, () => 1),
          ObjectDamaged,
        );
      }
    });

    it("notices a bit that changes anywhere, and bytes that are lost or added", async () => {
      await documents.create("flip/original", { value: { a: "b" }, content: Buffer.from("raw\n") });
      const { bytes } = (await tested.store.load("flip/original")) ?? { bytes: Buffer.alloc(0) };
      const damaged: Buffer[] = [Buffer.concat([bytes, Buffer.from("x")])];
      for (let at = 0; at < bytes.byteLength; at += 1) {
        const flipped = Buffer.from(bytes);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
        damaged.push(flipped);
        if (at % 8 === 0) damaged.push(bytes.subarray(0, at));
      }
      let { revision } = await documents.create("flip/damaged", { value: {} });
      for (const text of damaged) {
        revision = await tested.store.save("flip/damaged", text, { revision });
        await assert.rejects(documents.read("flip/damaged"), DocumentDamaged, text.toString());
      }
    });

    it("writes over what is damaged where that is wanted, and over nothing else", async () => {
      const instead = { count: -1 };
      const torn = await tested.store.save(key, Buffer.from("torn"), { absent: true });
      const found = await documents.readOver<Counter>(key, instead);
      assert.equal(found?.value, instead);
      assert.equal(found?.revision, torn);
      await theirs.update<Counter>(key, () => ({ count: 7 }), instead);
      assert.equal((await documents.read<Counter>(key))?.value.count, 7);
      assert.equal((await documents.readOver<Counter>(key, instead))?.value.count, 7);
      const late = documents.replace(found as Document<Counter>, { value: { count: 8 } });
      await assert.rejects(late, DocumentChanged);
    });

    it("fails like any precondition for a document that was removed", async () => {
      const first = await start();
      await theirs.remove(key);
      await assert.rejects(
        documents.replace(first, { value: { count: 1 } }),
        (error: DocumentChanged<Counter>) => error.current === undefined,
      );
      await assert.rejects(
        tested.store.save(key, Buffer.from("x"), { revision: first.revision }),
        PreconditionFailed,
      );
    });
  });
}
