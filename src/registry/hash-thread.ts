/**
 * Hashes large content in a thread of its own, while the event loop receives what comes next.
 *
 * Chunks are copied into a few shared buffers that travel between the two; who brings more than the
 * thread can hash waits for a free one, so memory is bounded whatever comes in. It starts with the
 * first large content, and one that has died takes the contents it was hashing with it.
 */
import { Worker } from "node:worker_threads";
import type { DigestAlgorithm } from "../oci/digest.ts";

const bufferBytes = 512 * 1024;
const buffers = 4;

/** What the thread is told; `bytes` of `buffer` come next in the content with this id. */
export type HashTask =
  | { readonly begin: DigestAlgorithm; readonly id: number }
  | { readonly id: number; readonly buffer: SharedArrayBuffer; readonly bytes: number }
  | { readonly id: number; readonly digest: true }
  | { readonly id: number; readonly forget: true };

/** What it answers: which buffer is free again, or the digest of a content so far. */
export type HashAnswer =
  | { readonly free: SharedArrayBuffer }
  | { readonly id: number; readonly hex: string };

export class HashThreadEnded extends Error {
  readonly code = "HASH_THREAD_ENDED";
  constructor(cause: unknown) {
    super("the thread that hashes content has ended", { cause });
    this.name = "HashThreadEnded";
  }
}

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (cause: unknown) => void;
}

export class HashThread {
  readonly #worker: Worker;
  readonly #free: SharedArrayBuffer[];
  readonly #forBuffer: Waiting<SharedArrayBuffer>[] = [];
  readonly #forDigest = new Map<number, Waiting<string>>();
  readonly #forgotten = new FinalizationRegistry<number>((id) => this.#tell({ id, forget: true }));
  #outstanding = 0;
  #last = 0;
  #failure: HashThreadEnded | undefined;

  constructor() {
    this.#free = Array.from({ length: buffers }, () => new SharedArrayBuffer(bufferBytes));
    const worker = new Worker(new URL("./hash-worker.js", import.meta.url), {
      // It has no objects to speak of.
      resourceLimits: { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16 },
    });
    worker.on("message", (answer: HashAnswer) => this.#take(answer));
    worker.on("error", (cause) => this.#fail(cause));
    worker.on("exit", () => this.#fail(undefined));
    worker.unref();
    this.#worker = worker;
  }

  /** No content can be begun any more. */
  get ended(): boolean {
    return this.#failure !== undefined;
  }

  /** @param owner when nobody has it any more, the content is forgotten */
  begin(algorithm: DigestAlgorithm, owner: object): number {
    this.#last += 1;
    this.#tell({ begin: algorithm, id: this.#last });
    this.#forgotten.register(owner, this.#last);
    return this.#last;
  }

  /** Settles when the chunk was copied; in turn for one content. @throws {HashThreadEnded} */
  async update(id: number, chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.byteLength; at += bufferBytes) {
      const piece = chunk.subarray(at, at + bufferBytes);
      const buffer = this.#free.pop() ?? (await this.#nextFree());
      if (this.#failure) throw this.#failure;
      new Uint8Array(buffer).set(piece);
      this.#expect(1);
      this.#tell({ id, buffer, bytes: piece.byteLength });
    }
  }

  /** Of all that was given so far, in hexadecimal digits. @throws {HashThreadEnded} */
  digest(id: number): Promise<string> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#forDigest.set(id, { resolve, reject });
      this.#expect(1);
      this.#tell({ id, digest: true });
    });
  }

  #nextFree(): Promise<SharedArrayBuffer> {
    return new Promise((resolve, reject) => {
      this.#forBuffer.push({ resolve, reject });
    });
  }

  #take(answer: HashAnswer): void {
    this.#expect(-1);
    if ("hex" in answer) {
      this.#forDigest.get(answer.id)?.resolve(answer.hex);
      this.#forDigest.delete(answer.id);
      return;
    }
    const next = this.#forBuffer.shift();
    if (next) next.resolve(answer.free);
    else this.#free.push(answer.free);
  }

  /** The process does not end while an answer is being waited for, and ends when none is. */
  #expect(change: 1 | -1): void {
    this.#outstanding += change;
    if (this.#outstanding === 0) this.#worker.unref();
    else if (this.#outstanding === 1) this.#worker.ref();
  }

  #tell(task: HashTask): void {
    this.#worker.postMessage(task);
  }

  #fail(cause: unknown): void {
    this.#failure ??= new HashThreadEnded(cause);
    const waiting = [...this.#forBuffer, ...this.#forDigest.values()];
    this.#forBuffer.length = 0;
    this.#forDigest.clear();
    for (const { reject } of waiting) reject(this.#failure);
  }
}
