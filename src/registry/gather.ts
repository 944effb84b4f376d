/**
 * Turns a stream of small chunks into few large ones in a buffer that is used again.
 *
 * A TLS socket delivers 16 KiB at a time; hashing and writing in large pieces costs half the CPU.
 */
const gatherBytes = 512 * 1024;
const kept = 8;
const free: Buffer[] = [];

/** Yields full buffers and a last, shorter one. A chunk is valid only until the next is asked for. */
export async function* gather(body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const buffer = free.pop() ?? Buffer.allocUnsafeSlow(gatherBytes);
  let used = 0;
  try {
    for await (const chunk of body) {
      for (let taken = 0; taken < chunk.byteLength; ) {
        const part = chunk.subarray(taken, taken + gatherBytes - used);
        buffer.set(part, used);
        used += part.byteLength;
        taken += part.byteLength;
        if (used === gatherBytes) {
          yield buffer;
          used = 0;
        }
      }
    }
    if (used > 0) yield buffer.subarray(0, used);
  } finally {
    if (free.length < kept) free.push(buffer);
  }
}

/** The whole stream again, after its first chunk was taken off to look at it. */
export async function* prepend(head: Buffer, rest: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield head;
    yield* rest;
  } finally {
    await rest.return(undefined); // also when the reader stops at the head
  }
}
