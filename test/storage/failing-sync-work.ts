/** Run where syncing `<root>/store/doc` fails: what is not durable must not be acknowledged. */
import assert from "node:assert/strict";
import { Documents } from "../../src/storage/documents.ts";
import { FilesystemStore } from "../../src/storage/filesystem-store.ts";
import { StoreUnavailable } from "../../src/storage/store-error.ts";

const [root = ""] = process.argv.slice(2);
const store = await FilesystemStore.open(root);
const documents = new Documents(store);
await documents.create("other/one", { value: 1 });

await assert.rejects(documents.create("doc/one", { value: 1 }), StoreUnavailable);
// It is there, in memory; nobody may rely on it.
await assert.rejects(documents.read("doc/one"), StoreUnavailable);
await assert.rejects(
  documents.update("doc/one", () => 2),
  StoreUnavailable,
);
await assert.rejects(documents.create("doc/two", { value: 1 }), StoreUnavailable);

assert.equal((await documents.read("other/one"))?.value, 1);
