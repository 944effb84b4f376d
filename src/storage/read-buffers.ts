/**
 * Buffers for streaming files, kept and used again.
 *
 * A fresh megabyte per chunk costs page faults and garbage collection; two buffers that travel in
 * turn cost neither. Large ones are few, whoever reads however slowly: the others hold 128 KiB each.
 */
const largeBytes = 1024 * 1024;
const sizes = [
  { bytes: largeBytes, readers: 4 },
  { bytes: 256 * 1024, readers: 12 },
] as const;
const smallestBytes = 64 * 1024;

const free: Buffer[] = [];
const readers = new Map<number, number>();

export interface BufferPair {
  readonly pair: readonly [Buffer, Buffer];
  /** Whether these are large ones, which others may be waiting for. */
  readonly scarce: boolean;
  release(): void;
}

/**
 * @param wantedBytes no more than the read needs
 * @param modest      whether the smallest ones do
 */
export function takeBuffers(wantedBytes: number, modest = false): BufferPair {
  const size = modest || wantedBytes <= smallestBytes ? undefined : sizes.find(isFree);
  const pair = pairOf(size?.bytes ?? smallestBytes, wantedBytes);
  if (size === undefined) return { pair, scarce: false, release: () => undefined };

  count(size.bytes, 1);
  let held = true;
  const release = (): void => {
    if (!held) return;
    held = false;
    count(size.bytes, -1);
    free.push(...pair.filter(({ byteLength }) => byteLength === largeBytes));
  };
  return { pair, scarce: true, release };
}

/** Whether somebody with small ones could have large ones now. */
export function areLargeFree(): boolean {
  return sizes.some(isFree);
}

/** What one buffer holds needs no second one. */
function pairOf(bytes: number, wantedBytes: number): readonly [Buffer, Buffer] {
  const first = take(Math.min(bytes, wantedBytes));
  return [first, take(Math.max(0, Math.min(bytes, wantedBytes - first.byteLength)))];
}

function take(bytes: number): Buffer {
  return (bytes === largeBytes ? free.pop() : undefined) ?? Buffer.allocUnsafeSlow(bytes);
}

function isFree({ bytes, readers: most }: (typeof sizes)[number]): boolean {
  return (readers.get(bytes) ?? 0) < most;
}

function count(bytes: number, change: 1 | -1): void {
  readers.set(bytes, (readers.get(bytes) ?? 0) + change);
}
