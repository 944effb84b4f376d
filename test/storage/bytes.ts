/** Content for tests of storage: easy to make at any length, and different at every position. */
import { createHash } from "node:crypto";
import type { ObjectStore } from "../../src/storage/object-store.ts";

const period = 64 * 1024 - 1;

/** Bytes that repeat only after an odd period, so that a shifted or swapped chunk shows. */
export function pattern(size: number, seed = 1): Buffer {
  const tile = Buffer.alloc(period);
  for (let at = 0, state = seed; at < period; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    tile[at] = state >>> 24;
  }
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += period) {
    tile.copy(bytes, at);
    bytes[at] = (at / period) & 0xff;
  }
  return bytes;
}

export function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Copies every chunk at once, as a chunk's validity allows. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const chunk of chunks) copies.push(Buffer.from(chunk));
  return Buffer.concat(copies);
}

export async function* piecesOf(bytes: Buffer, size = 64 * 1024): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

/** A client that goes away in the middle. */
export async function* brokenAfter(bytes: Buffer, size = 64 * 1024): AsyncGenerator<Buffer> {
  yield* piecesOf(bytes, size);
  throw new Error("the client has gone");
}

/** Writes data the way the registry does: staged, in pieces, committed. */
export async function writeData(store: ObjectStore, key: string, bytes: Buffer): Promise<void> {
  const staged = await store.stage(key);
  for await (const piece of piecesOf(bytes, 512 * 1024)) await staged.append(piece);
  await staged.commit();
}

export async function allKeys(store: ObjectStore, prefix = ""): Promise<string[]> {
  const keys: string[] = [];
  for (let more = true; more; ) {
    const page = await store.list(prefix, { after: keys.at(-1) ?? "" });
    keys.push(...page.keys);
    more = page.more;
  }
  return keys;
}
