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
import { S3RequestFailed } from "./s3-error.ts";
import type { S3Options } from "./s3-options.ts";

/** How an operation is sent. */
export interface Sending {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until the answer of one attempt must have begun; 10 s unless told. */
  readonly timeoutMs?: number;
  /** For writes that must not be repeated unseen. */
  readonly once?: boolean;
}

/** A command of the AWS client; `Bucket` and `Key` in it are complete. */
export type S3Command<
  Input extends ServiceInputTypes,
  Output extends ServiceOutputTypes,
> = $Command<Input, Output, S3ClientResolvedConfig, ServiceInputTypes, ServiceOutputTypes>;

/** The client would write to the console; whoever is interested observes. */
const silent = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };
const attempts = 3;
const usualTimeoutMs = 10_000;

export class S3Connection {
  readonly bucket: string;
  /** Empty, or ends with `/`. */
  readonly prefix: string;
  readonly #once: S3Client;
  readonly #repeating: S3Client;
  readonly #handler: HttpHandler;
  readonly #observe: NonNullable<S3Options["observe"]>;

  constructor(options: S3Options) {
    this.bucket = options.bucket;
    this.prefix = options.path === "" ? "" : `${options.path}/`;
    this.#handler = new HttpHandler(options.dispatcher);
    this.#observe = options.observe ?? nothing;
    const common = {
      region: options.region,
      forcePathStyle: options.forcePathStyle,
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      expectContinueHeader: false,
      requestHandler: this.#handler,
      logger: silent,
      ...(options.endpoint && { endpoint: options.endpoint }),
      ...(options.credentials && { credentials: options.credentials }),
    } as const;
    this.#once = new S3Client({ ...common, maxAttempts: 1 });
    this.#repeating = new S3Client({ ...common, maxAttempts: attempts });
  }

  /** Answers that have not been read to their end, and requests that have none yet. */
  get open(): number {
    return this.#handler.open;
  }

  /** @throws {S3RequestFailed} and the reason of an abort by the caller */
  async send<Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
    command: S3Command<Input, Output>,
    sending: Sending = {},
  ): Promise<Output> {
    const name = command.constructor.name.replace(/Command$/, "");
    const { signal, timeoutMs = usualTimeoutMs, once = false } = sending;
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
      const output = await (once ? this.#once : this.#repeating).send(command, how);
      ended(output.$metadata.attempts ?? 1);
      return output;
    } catch (error) {
      if (signal?.aborted) throw asFailure(error, signal);
      const failed = new S3RequestFailed(name, error);
      ended(failed.attempts, failed.code);
      throw failed;
    }
  }
}

function nothing(): void {}
