/**
 * Memory for parts on their way to the store: one budget for all uploads of a process.
 *
 * Who wants a buffer while none is free waits in line, and so does the client behind it. There is no
 * deadlock: a buffer is never held while waiting for another one, except by a part that is being
 * sent, and that comes back by itself.
 */

interface Waiting {
  readonly bytes: number;
  readonly take: (buffer: Buffer) => void;
}

export class PartBuffers {
  readonly #limitBytes: number;
  readonly #keptBytes: number;
  #usedBytes = 0;
  readonly #line: Waiting[] = [];
  readonly #free: Buffer[] = [];

  /**
   * @param limitBytes of all buffers in use; a single larger buffer is given when no other is out
   * @param usualBytes size of the buffers that are kept for the next one who wants them
   */
  constructor(limitBytes: number, usualBytes: number) {
    this.#limitBytes = limitBytes;
    this.#keptBytes = usualBytes;
  }

  /** Bytes that are given out. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** First come, first served. Give it back with `release`. */
  acquire(bytes: number): Promise<Buffer> {
    if (this.#line.length === 0 && this.#fits(bytes)) return Promise.resolve(this.#give(bytes));
    return new Promise((take) => this.#line.push({ bytes, take }));
  }

  /** A buffer at once or none: for who can do without. */
  tryAcquire(bytes: number): Buffer | undefined {
    return this.#line.length === 0 && this.#fits(bytes) ? this.#give(bytes) : undefined;
  }

  release(buffer: Buffer): void {
    this.#usedBytes -= buffer.byteLength;
    if (buffer.byteLength === this.#keptBytes) this.#free.push(buffer);
    for (let next = this.#line[0]; next && this.#fits(next.bytes); next = this.#line[0]) {
      this.#line.shift();
      next.take(this.#give(next.bytes));
    }
    if (this.#usedBytes === 0) this.#free.length = Math.min(this.#free.length, 2);
  }

  #fits(bytes: number): boolean {
    return this.#usedBytes === 0 || this.#usedBytes + bytes <= this.#limitBytes;
  }

  #give(bytes: number): Buffer {
    this.#usedBytes += bytes;
    const kept = bytes === this.#keptBytes ? this.#free.pop() : undefined;
    return kept ?? Buffer.allocUnsafeSlow(bytes);
  }
}
