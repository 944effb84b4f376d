/**
 * Turns a stream of small chunks into few large ones in a buffer that is used again.
 *
 * A TLS socket delivers 16 KiB at a time; hashing and writing in large pieces costs half the CPU.
 */
const gatherBytes = 512 * 1024;
const kept = 8;
const free: Buffer[] = [];
const nothing = Buffer.alloc(0);

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

/** A stream whose beginning is here. End `rest` when done with it. */
export interface Arriving {
  /** Valid until `rest` is read. Unless it is large, it is all there is. */
  readonly head: Buffer;
  readonly rest: AsyncGenerator<Buffer>;
}

/** Whether more is to be expected behind a head: only the last chunk is short. */
export function isLarge(head: Buffer): boolean {
  return head.byteLength === gatherBytes;
}

export async function arriving(body: AsyncIterable<Uint8Array>): Promise<Arriving> {
  const rest = gather(body);
  const first = await rest.next();
  return { head: first.done ? nothing : first.value, rest };
}
