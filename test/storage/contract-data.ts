/** Contract of the ObjectStore port: data that is staged, committed and streamed. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import type { ObjectStore } from "../../src/storage/object-store.ts";
import { ObjectDamaged, ObjectNotFound } from "../../src/storage/store-error.ts";
import { allKeys, brokenAfter, collect, hashOf, pattern, writeData } from "./bytes.ts";
import { chunksStayValid } from "./chunk-validity.ts";
import type { Tested } from "./object-store-contract.ts";

const key = "data/one";
const mebibyte = 1024 * 1024;

export function describeData(tested: Tested): void {
  describe("data", () => {
    const sizes = [0, 1, 65_535, 65_536, 65_537, mebibyte - 1, mebibyte, mebibyte + 1];
    // Around the ends of parts of 8 MiB, with which a bucket is written.
    for (const size of [...sizes, 16 * mebibyte, 16 * mebibyte + 3, 17 * mebibyte + 3]) {
      it(`gives back ${size} bytes as they were`, async () => {
        const { store, sibling } = tested();
        const bytes = pattern(size);
        await writeData(store, key, bytes);
        assert.equal(await sibling.stat(key), size);
        assert.equal(hashOf(await collect(await sibling.read(key))), hashOf(bytes));
      });
    }

    it("says how many bytes it has stored", async () => {
      const staged = await tested().store.stage(key);
      await staged.append(pattern(3));
      await staged.append(pattern(0));
      await staged.append(pattern(5 * mebibyte));
      assert.equal(await staged.commit(), 3 + 5 * mebibyte);
    });

    it("shows nothing before the commit", async () => {
      const { store, sibling } = tested();
      const staged = await store.stage(key);
      await staged.append(pattern(2 * mebibyte));
      assert.equal(await sibling.stat(key), undefined);
      assert.deepEqual(await allKeys(sibling), []);
      await assert.rejects(sibling.read(key), ObjectNotFound);
      await staged.commit();
      assert.deepEqual(await allKeys(sibling), [key]);
    });

    it("lets the caller reuse the buffer of an append that is over", async () => {
      const { store } = tested();
      const staged = await store.stage(key);
      const buffer = Buffer.alloc(100_000);
      for (const letter of ["a", "b", "c"]) {
        buffer.fill(letter);
        await staged.append(buffer);
      }
      buffer.fill("!");
      await staged.commit();
      const stored = (await collect(await store.read(key))).toString();
      assert.equal(stored, "a".repeat(100_000) + "b".repeat(100_000) + "c".repeat(100_000));
    });

    it("leaves nothing of a write whose source breaks off", async () => {
      const { store } = tested();
      const staged = await store.stage(key);
      const copying = async (): Promise<void> => {
        for await (const piece of brokenAfter(pattern(3 * mebibyte))) await staged.append(piece);
      };
      await assert.rejects(copying(), /client has gone/);
      await staged.abort();
      assert.deepEqual(await allKeys(store), []);
    });

    it("aborts at any time, and more than once", async () => {
      const { store } = tested();
      const untouched = await store.stage("data/untouched");
      await untouched.abort();
      await untouched.abort();
      const begun = await store.stage("data/begun");
      await begun.append(pattern(10));
      await begun.abort();
      await begun.abort();
      assert.deepEqual(await allKeys(store), []);
    });

    it("keeps committed data when it is aborted afterwards", async () => {
      const { store } = tested();
      const staged = await store.stage(key);
      await staged.append(pattern(10));
      await staged.commit();
      await staged.abort();
      assert.ok((await collect(await store.read(key))).equals(pattern(10)));
    });

    it("keeps writes apart that go on at the same time", async () => {
      const { store, sibling } = tested();
      const names = Array.from({ length: 12 }, (_, number) => `data/${number}`);
      await Promise.all(
        names.map((name, seed) =>
          writeData(seed % 2 === 0 ? store : sibling, name, pattern(700_000, seed + 1)),
        ),
      );
      for (const [seed, name] of names.entries()) {
        assert.ok((await collect(await store.read(name))).equals(pattern(700_000, seed + 1)));
      }
    });

    it("refuses to read what is not there", async () => {
      await assert.rejects(tested().store.read("data/none"), ObjectNotFound);
      await writeData(tested().store, key, pattern(10));
      await tested().store.delete(key);
      await assert.rejects(tested().store.read(key), ObjectNotFound);
    });
  });

  describe("ranges", () => {
    const size = 2 * mebibyte + 500;
    const ranges = [
      [0, 0],
      [0, size - 1],
      [size - 1, size - 1],
      [1, 65_536],
      [mebibyte - 1, mebibyte],
      [mebibyte, 2 * mebibyte - 1],
      [12_345, size - 12_345],
    ] as const;

    it("gives exactly the bytes asked for", async () => {
      const { store } = tested();
      const bytes = pattern(size);
      await writeData(store, key, bytes);
      for (const [start, end] of ranges) {
        const part = await collect(await store.read(key, { range: { start, end } }));
        assert.equal(part.byteLength, end - start + 1);
        assert.ok(part.equals(bytes.subarray(start, end + 1)), `${start}-${end}`);
      }
    });

    it("fails, rather than end early, where the object has fewer bytes", async () => {
      const { store } = tested();
      await writeData(store, key, pattern(size));
      for (const [start, end] of [
        [0, size],
        [size - 10, size + 10],
        [size, size],
        [size + 5, size + 9],
      ] as const) {
        // Slowly: the failure may come up while nobody is waiting for the next chunk.
        const reading = async (): Promise<void> => {
          for await (const _ of await store.read(key, { range: { start, end } })) {
            await store.list("");
          }
        };
        await assert.rejects(reading, ObjectDamaged, `${start}-${end}`);
      }
    });
  });

  describe("reading", () => {
    const bytes = pattern(3 * mebibyte + 77);

    it("keeps a chunk unchanged until the next one is asked for", async () => {
      await writeData(tested().store, key, bytes);
      await chunksStayValid(tested().store, key, bytes);
    });

    it("keeps chunks of readers apart that go on at the same time", async () => {
      const { store } = tested();
      const names = Array.from({ length: 24 }, (_, number) => `data/${number}`);
      for (const [seed, name] of names.entries()) {
        await writeData(store, name, pattern(mebibyte + 11, seed + 1));
      }
      await Promise.all(
        names.map((name, seed) => chunksStayValid(store, name, pattern(mebibyte + 11, seed + 1))),
      );
    });

    it("releases everything when a reader ends early", async () => {
      const { store, handles } = tested();
      await writeData(store, key, bytes);
      for await (const chunk of await store.read(key)) {
        assert.ok(chunk.byteLength > 0);
        break;
      }
      assert.equal(await handles(), 0);
      const failing = async (): Promise<void> => {
        for await (const _ of await store.read(key)) throw new Error("consumer");
      };
      await assert.rejects(failing, /consumer/);
      assert.equal(await handles(), 0);
    });

    it("releases everything when a reader ends before its first chunk", async () => {
      const { store, handles } = tested();
      await writeData(store, key, bytes);
      const chunks = (await store.read(key))[Symbol.asyncIterator]();
      await chunks.return?.();
      assert.equal(await handles(), 0);
      assert.equal((await chunks.next()).done, true);
      const stream = Readable.from(await store.read(key));
      stream.destroy();
      await new Promise((resolve) => stream.once("close", resolve));
      assert.equal(await handles(), 0);
    });

    it("stops when it is told to", async () => {
      const { store, handles } = tested();
      await writeData(store, key, bytes);
      await assert.rejects(collect(await store.read(key, { signal: AbortSignal.abort() })), {
        name: "AbortError",
      });
      assert.equal(await handles(), 0);
      const stop = new AbortController();
      const reading = async (): Promise<void> => {
        for await (const _ of await store.read(key, { signal: stop.signal })) stop.abort();
      };
      await assert.rejects(reading, { name: "AbortError" });
      assert.equal(await handles(), 0);
    });

    it("reads on although the object is deleted meanwhile, or fails; never ends short", async () => {
      const { store } = tested();
      await writeData(store, key, bytes);
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of await store.read(key)) {
          if (chunks.length === 0) await store.delete(key);
          chunks.push(Buffer.from(chunk));
        }
      } catch {
        return;
      }
      assert.ok(Buffer.concat(chunks).equals(bytes));
    });
  });

  describe("mixed use", () => {
    it("writes, reads and deletes at the same time", async () => {
      const { store } = tested();
      const life = async (number: number): Promise<void> => {
        const name = `data/life/${number}`;
        const bytes = pattern(1 + number * 12_345, number + 1);
        await writeData(store, name, bytes);
        assert.ok((await collect(await store.read(name))).equals(bytes));
        await store.delete(name);
        assert.equal(await store.stat(name), undefined);
      };
      await Promise.all(Array.from({ length: 40 }, (_, number) => life(number)));
      assert.deepEqual(await keysOf(store), []);
    });
  });
}

async function keysOf(store: ObjectStore): Promise<readonly string[]> {
  return (await store.list("data/")).keys;
}
