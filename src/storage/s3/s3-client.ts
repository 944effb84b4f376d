/**
 * The AWS client, set up for stores of every make, and what may be sent twice.
 *
 * Checksums that older servers refuse are off (requests are signed over their content instead), and a
 * conditional write is sent once: repeated unseen it could lose against itself. Only this file and
 * s3-error.ts know how the AWS client reports.
 */
import {
  type $Command,
  S3Client,
  type S3ClientResolvedConfig,
  type ServiceInputTypes,
  type ServiceOutputTypes,
} from "@aws-sdk/client-s3";
import { asFailure, HttpHandler } from "./http-handler.ts";
import { ReceiveBuffers } from "./receive-buffers.ts";
import { S3RequestFailed } from "./s3-error.ts";
import type { S3Options } from "./s3-options.ts";

/** How an operation is sent. */
export interface Sending {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the answer of one attempt must have begun; 10 s unless told. */
  readonly timeoutMs?: number;
  /** `once` for writes that must not be repeated unseen, `streaming` for bodies read at leisure. */
  readonly way?: "repeating" | "once" | "streaming";
}

/** A command of the AWS client; `Bucket` and `Key` in it are complete. */
export type S3Command<
  Input extends ServiceInputTypes,
  Output extends ServiceOutputTypes,
> = $Command<Input, Output, S3ClientResolvedConfig, ServiceInputTypes, ServiceOutputTypes>;

/** The client would write to the console; whoever is interested observes. */
const silent = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };
const attempts = 3;
const requestConnections = 128;
/** Slow readers of large objects must not keep small requests waiting, so these are others. */
const streamConnections = 1024;
const usualTimeoutMs = 10_000;

export class S3Connection {
  readonly bucket: string;
  /** Empty, or ends with `/`. */
  readonly prefix: string;
  /** Of answers to what is sent as `streaming`. */
  readonly received = new ReceiveBuffers();
  readonly #once: S3Client;
  readonly #repeating: S3Client;
  readonly #streaming: S3Client;
  readonly #handlers: readonly HttpHandler[];
  readonly #observe: NonNullable<S3Options["observe"]>;

  constructor(options: S3Options) {
    this.bucket = options.bucket;
    this.prefix = options.path === "" ? "" : `${options.path}/`;
    const requests = new HttpHandler(options.connect(requestConnections));
    const streams = new HttpHandler(options.connect(streamConnections, this.received));
    this.#handlers = [requests, streams];
    this.#observe = options.observe ?? nothing;
    const common = {
      region: options.region,
      forcePathStyle: options.forcePathStyle,
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      expectContinueHeader: false,
      logger: silent,
      ...(options.endpoint && { endpoint: options.endpoint }),
      ...(options.credentials && { credentials: options.credentials }),
    } as const;
    const requesting = { ...common, requestHandler: requests };
    this.#once = new S3Client({ ...requesting, maxAttempts: 1 });
    this.#repeating = new S3Client({ ...requesting, maxAttempts: attempts });
    this.#streaming = new S3Client({
      ...common,
      requestHandler: streams,
      maxAttempts: attempts,
    });
  }

  /** Answers that have not been read to their end, and requests that have none yet. */
  get open(): number {
    return this.#handlers.reduce((sum, { open }) => sum + open, 0);
  }

  /** @throws {S3RequestFailed} and the reason of an abort by the caller */
  async send<Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    command: S3Command<Input, Output>,
    sending: Sending = {},
  ): Promise<Output> {
    const name = command.constructor.name.replace(/Command$/, "");
    const { signal, timeoutMs = usualTimeoutMs, way = "repeating" } = sending;
    const begun = performance.now();
    const ended = (made: number, failure?: string): void =>
      this.#observe({
        name,
        attempts: made,
        durationMs: performance.now() - begun,
        ...(failure !== undefined && { failure }),
      });
    try {
      const how = { requestTimeout: timeoutMs, ...(signal && { abortSignal: signal }) };
      const output = await this.#client(way).send(command, how);
      ended(output.$metadata.attempts ?? 1);
      return output;
    } catch (error) {
      if (signal?.aborted) throw asFailure(error, signal);
      const failed = new S3RequestFailed(name, error);
      ended(failed.attempts, failed.code);
      throw failed;
    }
  }

  /** Ends all connections; what is still being read breaks off. */
  close(): void {
    for (const client of [this.#once, this.#repeating, this.#streaming]) client.destroy();
  }

  #client(way: NonNullable<Sending["way"]>): S3Client {
    if (way === "once") return this.#once;
    return way === "streaming" ? this.#streaming : this.#repeating;
  }
}

function nothing(): void {}
