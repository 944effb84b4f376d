/**
 * Buffers for streaming files, kept and used again.
 *
 * A fresh megabyte per chunk costs page faults and garbage collection; two buffers that travel in
 * turn cost neither. With few readers buffers are large, with many they shrink: beyond the first
 * 64 each reader holds 128 KiB, however slowly it reads.
 */
const largeBytes = 1024 * 1024;
const sizes = [
  { upToReaders: 8, bytes: largeBytes },
  { upToReaders: 64, bytes: 256 * 1024 },
] as const;
const smallestBytes = 64 * 1024;
const keptLarge = 16;

const free: Buffer[] = [];
let readers = 0;

export interface BufferPair {
  readonly pair: readonly [Buffer, Buffer];
  release(): void;
}

/** @param wantedBytes no more than the read needs; short reads get small buffers of their own */
export function takeBuffers(wantedBytes: number): BufferPair {
  readers += 1;
  let held = true;
  const pair = [take(wantedBytes), take(wantedBytes)] as const;
  const release = (): void => {
    if (!held) return;
    held = false;
    readers -= 1;
    for (const buffer of pair) {
      if (buffer.byteLength === largeBytes && free.length < keptLarge) free.push(buffer);
    }
  };
  return { pair, release };
}

function take(wantedBytes: number): Buffer {
  const bytes = sizes.find(({ upToReaders }) => readers <= upToReaders)?.bytes ?? smallestBytes;
  if (wantedBytes >= largeBytes && bytes === largeBytes) {
    return free.pop() ?? Buffer.allocUnsafeSlow(largeBytes);
  }
  return Buffer.allocUnsafeSlow(Math.max(1, Math.min(bytes, wantedBytes)));
}
