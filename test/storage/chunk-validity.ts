/**
 * Checks the promise of `ObjectStore.read`: a chunk stays as it is until the next one is asked for.
 *
 * An adapter that reads ahead into the buffer it has just given away breaks only slow consumers, so
 * this one is slow: it lets the store work before it looks at the chunk again.
 */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { ObjectStore } from "../../src/storage/object-store.ts";

const pauses = 8;

/** @throws {AssertionError} when a chunk changes under its reader or the bytes are not `expected` */
export async function chunksStayValid(
  store: ObjectStore,
  key: string,
  expected: Buffer,
): Promise<void> {
  let position = 0;
  for await (const chunk of await store.read(key)) {
    const wanted = expected.subarray(position, position + chunk.byteLength);
    assert.ok(chunk.equals(wanted), `wrong bytes at ${position}`);
    // Requests to the same store take at least as long as reading ahead, which was asked for first.
    for (let pause = 0; pause < pauses; pause += 1) {
      await store.stat(key);
      await setImmediate();
    }
    assert.ok(chunk.equals(wanted), `the chunk at ${position} changed while it was in use`);
    position += chunk.byteLength;
  }
  assert.equal(position, expected.byteLength);
}
