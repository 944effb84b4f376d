/** Protects a store from services that it does not belong to, and from older releases. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Documents } from "../../src/storage/documents.ts";
import { claimFormat, StorageRefused } from "../../src/storage/format.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { allKeys } from "./bytes.ts";

const one = { service: "one", adopt: false };

describe("the format document", () => {
  it("is written by the first server and read by all behind it", async () => {
    const store = new MemoryStore();
    const claims = Array.from({ length: 8 }, () =>
      claimFormat(new Documents(store), "format", one),
    );
    const deployments = new Set((await Promise.all(claims)).map(({ deployment }) => deployment));
    assert.equal(deployments.size, 1);
    const [found] = await Promise.all([claimFormat(new Documents(store), "format", one)]);
    assert.deepEqual([...deployments], [found.deployment]);
    assert.equal(found.version, 1);
  });

  it("refuses a service of another name, until that takes over", async () => {
    const documents = new Documents(new MemoryStore());
    const first = await claimFormat(documents, "format", one);
    const two = { service: "two", adopt: false };
    await assert.rejects(claimFormat(documents, "format", two), StorageRefused);
    const adopted = await claimFormat(documents, "format", { ...two, adopt: true });
    assert.deepEqual(adopted, { ...first, service: "two" });
    await assert.rejects(claimFormat(documents, "format", one), /belongs to the service "two"/);
  });

  it("refuses what a newer release has written, also to who would take over", async () => {
    const documents = new Documents(new MemoryStore());
    const value = { version: 2, deployment: "d", service: "one" };
    await documents.create("format", { value });
    for (const adopt of [false, true]) {
      await assert.rejects(claimFormat(documents, "format", { ...one, adopt }), /has format 2/);
    }
  });

  it("is not written by who only reads", async () => {
    const store = new MemoryStore();
    const claim = { ...one, readOnly: true };
    await claimFormat(new Documents(store), "format", claim);
    assert.deepEqual(await allKeys(store), []);
    await claimFormat(new Documents(store), "format", one);
    const found = await claimFormat(new Documents(store), "format", {
      ...claim,
      service: "reader",
    });
    assert.equal(found.service, "one");
  });
});
