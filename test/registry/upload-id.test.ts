/** Upload ids: signed, bound to a repository and a time, unforgeable. */
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { layout } from "../../src/registry/layout.ts";
import { UploadUnknown } from "../../src/registry/registry-errors.ts";
import { UploadTickets } from "../../src/registry/upload-id.ts";
import { Documents } from "../../src/storage/documents.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import { SigningKeyDocument } from "../../src/storage/signing-keys.ts";
import { elsewhere, repository } from "./content.ts";

const lifeMs = 60_000;

describe("upload ids", () => {
  let store: MemoryStore;
  let nowMs: number;
  let here: UploadTickets;
  let there: UploadTickets;

  const ticketsOn = (shared: MemoryStore): UploadTickets => {
    const keys = new SigningKeyDocument(new Documents(shared), layout.signingKeys);
    return new UploadTickets(keys, lifeMs, () => nowMs);
  };
  beforeEach(() => {
    store = new MemoryStore();
    nowMs = 1_700_000_000_000;
    here = ticketsOn(store);
    there = ticketsOn(store);
  });

  it("are taken by every instance on the same store", async () => {
    const issued = await here.issue(repository, "sha512");
    assert.deepEqual(await there.check(repository, issued.id), issued);
    const other = await there.issue(repository, "sha256");
    assert.deepEqual(await here.check(repository, other.id), other);
  });

  it("are all different", async () => {
    const ids = await Promise.all(
      Array.from({ length: 100 }, async () => (await here.issue(repository, "sha256")).session),
    );
    assert.equal(new Set(ids).size, 100);
  });

  it("name no other repository", async () => {
    const { id } = await here.issue(repository, "sha256");
    await assert.rejects(here.check(elsewhere, id), UploadUnknown);
  });

  it("expire", async () => {
    const { id } = await here.issue(repository, "sha256");
    nowMs += lifeMs;
    await here.check(repository, id);
    nowMs += 1;
    await assert.rejects(here.check(repository, id), UploadUnknown);
  });

  it("cannot be changed in any part", async () => {
    const { id } = await here.issue(repository, "sha256");
    const swap = (text: string, at: number): string =>
      text.slice(0, at) + (text[at] === "a" ? "b" : "a") + text.slice(at + 1);
    for (let at = 0; at < id.length; at += 1) {
      await assert.rejects(there.check(repository, swap(id, at)), UploadUnknown, `${at}`);
    }
    await assert.rejects(here.check(repository, id.replace("sha256", "sha512")), UploadUnknown);
  });

  it("are refused when they are anything else", async () => {
    const { id } = await here.issue(repository, "sha256");
    const others = ["", "x", `${id} `, ` ${id}`, `${id}\n`, id.toUpperCase(), `${id}-`, "../../x"];
    for (const other of [...others, "-".repeat(100), "0".repeat(10_000)]) {
      await assert.rejects(here.check(repository, other), UploadUnknown, JSON.stringify(other));
    }
  });

  it("of another registry are unknown here", async () => {
    const foreign = await ticketsOn(new MemoryStore()).issue(repository, "sha256");
    await assert.rejects(here.check(repository, foreign.id), UploadUnknown);
  });
});
