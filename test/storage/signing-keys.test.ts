/** Keys that all instances share through the store. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Documents } from "../../src/storage/documents.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { SigningKeyDocument } from "../../src/storage/signing-keys.ts";
import { ScriptedStore } from "./scripted-store.ts";

const key = "key/test";

describe("signing keys", () => {
  it("are made once, however many instances start at the same time", async () => {
    const store = new MemoryStore();
    const instances = Array.from(
      { length: 8 },
      () => new SigningKeyDocument(new Documents(store), key),
    );
    const keys = await Promise.all(instances.map((instance) => instance.current()));
    assert.equal(new Set(keys.map(({ id }) => id)).size, 1);
    assert.equal(new Set(keys.map(({ secret }) => Buffer.from(secret).toString("hex"))).size, 1);
    assert.equal(keys[0]?.secret.byteLength, 32);
  });

  it("are looked up again when a signature names one that is new", async () => {
    const store = new MemoryStore();
    const documents = new Documents(store);
    const here = new SigningKeyDocument(documents, key);
    const old = await here.current();
    const secret = Buffer.alloc(32, 7).toString("base64url");
    await documents.update<{ keys: object[] }>(key, (stored) => ({
      keys: [{ id: "00000001", secret }, ...(stored?.keys ?? [])],
    }));
    assert.deepEqual((await here.find("00000001"))?.secret, Buffer.alloc(32, 7));
    assert.deepEqual(await here.find(old.id), old);
    assert.equal((await here.current()).id, "00000001");
    assert.equal(await here.find("ffffffff"), undefined);
  });

  it("are read once by an instance that signs and checks", async () => {
    const store = new ScriptedStore(new MemoryStore());
    const here = new SigningKeyDocument(new Documents(store), key);
    const { id } = await here.current();
    store.takeRequests();
    await here.current();
    await here.find(id);
    assert.deepEqual(store.takeRequests(), []);
  });
});
