/**
 * Writes chunks as small as a network gives them to a file in large pieces.
 *
 * What comes while one piece is being written makes up the next, so nothing waits for more than is
 * there. Pieces are written one after the other, and told when they are in the file.
 */
import { writeFully } from "./durable-file.ts";

const pieceBytes = 256 * 1024;
const kept = 16;
/** Kept and used again: fresh ones cost page faults, and their owner may be a moment's. */
const free: Buffer[] = [];

const nothing = Buffer.alloc(0);

function take(): Buffer {
  return free.pop() ?? Buffer.allocUnsafeSlow(pieceBytes);
}

export class GatheringWriter {
  readonly #fd: number;
  readonly #onWritten: (bytes: number) => void;
  #filling = take();
  #spare = take();
  #filled = 0;
  #writing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /** @param onWritten called with the number of further bytes in the file */
  constructor(fd: number, onWritten: (bytes: number) => void) {
    this.#fd = fd;
    this.#onWritten = onWritten;
  }

  /** Takes a copy of the chunk. @throws what a write before has failed with */
  async write(chunk: Uint8Array): Promise<void> {
    for (let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength); ; ) {
      const taken = rest.copy(this.#filling, this.#filled);
      this.#filled += taken;
      this.#start();
      this.#check();
      rest = rest.subarray(taken);
      if (rest.byteLength === 0) return;
      await this.#writing;
    }
  }

  /** Settles when all is in the file. @throws what a write has failed with */
  async end(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    this.#check();
  }

  /** Writes nothing more, waits for what is being written, and gives the memory back. */
  async close(): Promise<void> {
    this.#failure ??= { error: new Error("nothing is written any more") };
    while (this.#writing !== undefined) await this.#writing;
    for (const buffer of [this.#filling, this.#spare]) {
      if (buffer !== nothing && free.length < kept) free.push(buffer);
    }
    this.#filling = this.#spare = nothing;
  }

  #start(): void {
    if (this.#writing !== undefined || this.#failure || this.#filled === 0) return;
    const piece = this.#filling.subarray(0, this.#filled);
    [this.#filling, this.#spare] = [this.#spare, this.#filling];
    this.#filled = 0;
    this.#writing = this.#put(piece);
  }

  async #put(piece: Buffer): Promise<void> {
    try {
      await writeFully(this.#fd, piece);
      this.#onWritten(piece.byteLength);
    } catch (error) {
      this.#failure = { error };
    }
    this.#writing = undefined;
    this.#start();
  }

  #check(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
