/**
 * Data of unknown length on its way into a bucket: one request when it is small, parts otherwise.
 *
 * Small data waits in memory of its own, parts in buffers of the common budget; several parts are on
 * their way at the same time. The object appears whole, with the last request, whatever its size.
 */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type ServiceInputTypes,
  type ServiceOutputTypes,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import type { StagedWrite } from "../object-store.ts";
import { StoreUnavailable } from "../store-error.ts";
import type { PartBuffers } from "./part-buffers.ts";
import type { S3Command, S3Connection } from "./s3-client.ts";
import { S3RequestFailed, storeError } from "./s3-error.ts";

const MiB = 1024 * 1024;
export const usualPartBytes = 8 * MiB;
/** Data up to this size takes nothing from the budget. */
const smallBytes = MiB;
/** An object has at most 10,000 parts; each 1,000 parts the size doubles, which is enough for 5 TiB. */
const partsOfOneSize = 1000;
/** Parts of one object that are sent at the same time, while nobody else waits for memory. */
const partsAtOnce = 3;
/** The slowest line that is waited for, besides the usual time. */
const slowestBytesPerMs = 128;
/** Putting parts together is work in proportion to their number. */
const completeMs = 120_000;

interface Part {
  readonly ETag: string | undefined;
  readonly PartNumber: number;
}

export class StagedObject implements StagedWrite {
  readonly #connection: S3Connection;
  readonly #buffers: PartBuffers;
  readonly #key: string;
  readonly #stop = new AbortController();
  readonly #parts: Part[] = [];
  readonly #sending = new Set<Promise<void>>();
  /** Until the first byte goes into a part. */
  #isSmall = true;
  #small: Buffer[] = [];
  #smallBytes = 0;
  #filling: Buffer | undefined;
  #filled = 0;
  #nextPart = 1;
  #size = 0;
  #upload: string | undefined;
  #failure: Error | undefined;
  #state: "open" | "committing" | "over" = "open";

  constructor(connection: S3Connection, buffers: PartBuffers, key: string) {
    this.#connection = connection;
    this.#buffers = buffers;
    this.#key = key;
  }

  async append(chunk: Uint8Array): Promise<void> {
    this.#throwIfFailed();
    this.#size += chunk.byteLength;
    if (this.#isSmall && this.#smallBytes + chunk.byteLength <= smallBytes) {
      this.#small.push(Buffer.from(chunk));
      this.#smallBytes += chunk.byteLength;
      return;
    }
    this.#isSmall = false;
    for (const piece of this.#takeSmall()) await this.#fill(piece);
    await this.#fill(chunk);
  }

  async commit(): Promise<number> {
    this.#throwIfFailed();
    this.#state = "committing";
    if (this.#upload === undefined) await this.#putWhole();
    else await this.#complete(this.#upload);
    this.#state = "over";
    this.#giveBack();
    return this.#size;
  }

  async abort(): Promise<void> {
    if (this.#state === "over") return;
    const uncertain = this.#state === "committing";
    this.#state = "over";
    this.#stop.abort();
    await Promise.all(this.#sending);
    this.#giveBack();
    // What cannot be taken back now is named by nobody, and the collector finds it.
    if (this.#upload !== undefined) await this.#abandon(this.#upload).catch(() => undefined);
    if (uncertain) {
      await this.#connection.send(new DeleteObjectCommand(this.#target())).catch(() => undefined);
    }
  }

  #takeSmall(): readonly Buffer[] {
    const small = this.#small;
    this.#small = [];
    this.#smallBytes = 0;
    return small;
  }

  async #fill(chunk: Uint8Array): Promise<void> {
    for (let taken = 0; taken < chunk.byteLength; ) {
      this.#filling ??= await this.#buffers.acquire(partBytes(this.#nextPart));
      const piece = chunk.subarray(taken, taken + this.#filling.byteLength - this.#filled);
      this.#filling.set(piece, this.#filled);
      this.#filled += piece.byteLength;
      taken += piece.byteLength;
      if (this.#filled === this.#filling.byteLength) await this.#sendPart();
    }
  }

  /** Returns as soon as there is room for another part; the part itself is on its way. */
  async #sendPart(): Promise<void> {
    const buffer = this.#filling;
    if (buffer === undefined) return;
    this.#upload ??= await this.#create();
    const bytes = buffer.subarray(0, this.#filled);
    const number = this.#nextPart;
    this.#filling = undefined;
    this.#filled = 0;
    this.#nextPart += 1;
    const sent = this.#uploadPart(this.#upload, number, bytes)
      .catch((error: Error) => {
        this.#failure ??= error;
      })
      .finally(() => {
        this.#buffers.release(buffer);
        this.#sending.delete(sent);
      });
    this.#sending.add(sent);
    // More at once are hardly faster, and take memory from others.
    while (this.#sending.size >= partsAtOnce) await Promise.race(this.#sending);
    this.#throwIfFailed();
  }

  async #create(): Promise<string> {
    const { UploadId } = await this.#send(new CreateMultipartUploadCommand(this.#target()));
    if (!UploadId) throw new StoreUnavailable(`write ${this.#key} failed (no upload id)`);
    return UploadId;
  }

  async #uploadPart(upload: string, number: number, bytes: Buffer): Promise<void> {
    const { ETag } = await this.#send(
      new UploadPartCommand({
        ...this.#target(),
        UploadId: upload,
        PartNumber: number,
        Body: bytes,
        ContentLength: bytes.byteLength,
      }),
      sendingMs(bytes),
    );
    this.#parts.push({ ETag, PartNumber: number });
  }

  async #putWhole(): Promise<void> {
    const body = this.#filling?.subarray(0, this.#filled) ?? Buffer.concat(this.#small);
    const target = { ...this.#target(), Body: body, ContentLength: body.byteLength };
    await this.#send(new PutObjectCommand(target), sendingMs(body));
  }

  async #complete(upload: string): Promise<void> {
    if (this.#filled > 0) await this.#sendPart();
    await Promise.all(this.#sending);
    this.#throwIfFailed();
    const parts = this.#parts.sort((one, other) => one.PartNumber - other.PartNumber);
    const whole = { ...this.#target(), UploadId: upload, MultipartUpload: { Parts: parts } };
    try {
      await this.#send(new CompleteMultipartUploadCommand(whole), completeMs);
    } catch (error) {
      if (!(await this.#isComplete(error))) throw error;
    }
  }

  /** A repeated request finds no upload any more when the first one, unheard, has ended it. */
  async #isComplete(error: unknown): Promise<boolean> {
    const { cause } = error as { cause?: unknown };
    if (!(cause instanceof S3RequestFailed && cause.code === "NoSuchUpload")) return false;
    const { ContentLength } = await this.#send(new HeadObjectCommand(this.#target()));
    return ContentLength === this.#size;
  }

  #abandon(upload: string): Promise<unknown> {
    const target = { ...this.#target(), UploadId: upload };
    return this.#connection.send(new AbortMultipartUploadCommand(target));
  }

  #giveBack(): void {
    if (this.#filling) this.#buffers.release(this.#filling);
    this.#filling = undefined;
    this.#small = [];
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure;
  }

  #target(): { Bucket: string; Key: string } {
    const { bucket, prefix } = this.#connection;
    return { Bucket: bucket, Key: prefix + this.#key };
  }

  async #send<Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    command: S3Command<Input, Output>,
    timeoutMs?: number,
  ): Promise<Output> {
    try {
      return await this.#connection.send(command, {
        signal: this.#stop.signal,
        ...(timeoutMs !== undefined && { timeoutMs }),
      });
    } catch (error) {
      throw error instanceof S3RequestFailed ? storeError(`write ${this.#key}`, error) : error;
    }
  }
}

function partBytes(number: number): number {
  return usualPartBytes * 2 ** Math.floor((number - 1) / partsOfOneSize);
}

function sendingMs(bytes: Uint8Array): number {
  return 15_000 + bytes.byteLength / slowestBytesPerMs;
}
