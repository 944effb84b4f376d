/**
 * What a contract suite needs of an adapter beside the port itself.
 *
 * An adapter's test file makes one of these; the suites know nothing else about it.
 */
import assert from "node:assert/strict";
import { readdir, readlink } from "node:fs/promises";
import path from "node:path";
import { FilesystemStore } from "../../src/storage/filesystem-store.ts";
import { MemoryStore } from "../../src/storage/memory-store.ts";
import type { ObjectStore } from "../../src/storage/object-store.ts";
import { makeScratch, removeScratch } from "../fixtures/scratch.ts";

export interface StoreUnderTest {
  readonly store: ObjectStore;
  /** Another way to the same objects, as a second process has; the same store where there is none. */
  readonly sibling: ObjectStore;
  /** What must not outlive a request: staged files, locks, unfinished uploads. */
  leftovers(): Promise<readonly string[]>;
  /** How many files or connections of the store are open. */
  handles(): Promise<number>;
  close(): Promise<void>;
}

export type OpenStore = () => Promise<StoreUnderTest>;

export async function openMemory(): Promise<StoreUnderTest> {
  const store = new MemoryStore();
  return {
    store,
    sibling: store,
    leftovers: async () => [],
    handles: async () => 0,
    close: async () => undefined,
  };
}

export async function openFilesystem(): Promise<StoreUnderTest> {
  const root = await makeScratch("store");
  return {
    store: await FilesystemStore.open(root),
    sibling: await FilesystemStore.open(root),
    leftovers: () => filesOutsideObjects(root),
    handles: () => openFilesBelow(root),
    close: () => removeScratch(root),
  };
}

/** Ends a test: whatever it did, nothing but objects may be left. */
export async function closeClean(tested: StoreUnderTest): Promise<void> {
  try {
    assert.deepEqual(await tested.leftovers(), []);
    assert.equal(await tested.handles(), 0, "open files");
  } finally {
    await tested.close();
  }
}

async function filesOutsideObjects(root: string): Promise<string[]> {
  const staged = await readdir(path.join(root, "staging"));
  const locks = await readdir(path.join(root, "locks"));
  return [...staged, ...locks];
}

/** Where there is no /proc nothing can be counted. */
async function openFilesBelow(root: string): Promise<number> {
  const numbers = await readdir("/proc/self/fd").catch(() => []);
  const files = await Promise.all(
    numbers.map((number) => readlink(`/proc/self/fd/${number}`).catch(() => "")),
  );
  return files.filter((file) => file.startsWith(`${root}/`)).length;
}
