/**
 * Downloads one content into a file, hashing it on the way.
 *
 * What breaks off goes on where it stopped when the server can do that, and starts again when not;
 * a server that sends half of something else is noticed by its Content-Range or its validator.
 */
import type { FileHandle } from "node:fs/promises";
import { explainFailure, FetchFailed, httpFailure, truncatedFailure } from "./fetch-failed.ts";
import { HashingFile, type WrittenContent } from "./hashing-file.ts";
import type { HttpAnswer } from "./http-client.ts";
import { Retries, type RetryPolicy } from "./retry.ts";

export interface DownloadSource {
  /** Asks for the content, with further headers (lower-case names); any status may come back. */
  open(headers: Readonly<Record<string, string>>): Promise<HttpAnswer>;
  /** Named by its digest, so that two answers always belong together. */
  readonly immutable: boolean;
  /** Bytes, when known beforehand. */
  readonly size?: number;
}

export interface DownloadOptions extends RetryPolicy {
  readonly idleTimeoutMs: number;
  /** Told of bytes as they arrive; negative when a download starts again. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** So many bytes between two failures are worth going on, in bytes. */
const progressBytes = 1024 * 1024;

/** @param file goes on behind what it holds, when that is of the same content @throws {FetchFailed} */
export async function download(
  source: DownloadSource,
  file: FileHandle | HashingFile,
  options: DownloadOptions,
): Promise<WrittenContent> {
  const running = new Download(source, file, options);
  const retries = new Retries(options);
  for (let furthest = 0; ; ) {
    try {
      return await running.attempt();
    } catch (error) {
      if (running.position >= furthest + progressBytes) retries.reset();
      furthest = Math.max(furthest, running.position);
      await retries.next(error);
    }
  }
}

class Download {
  readonly #source: DownloadSource;
  readonly #file: HashingFile;
  readonly #options: DownloadOptions;
  #total: number | undefined;
  /** Strong ETag of the answer that the bytes so far came from. */
  #validator: string | undefined;

  constructor(source: DownloadSource, file: FileHandle | HashingFile, options: DownloadOptions) {
    this.#source = source;
    this.#file = file instanceof HashingFile ? file : new HashingFile(file);
    this.#options = options;
    this.#total = source.size;
  }

  get position(): number {
    return this.#file.size;
  }

  async attempt(): Promise<WrittenContent> {
    const { immutable } = this.#source;
    if (!immutable && this.#validator === undefined) await this.#restart();
    const answer = await this.#source.open(this.#rangeHeaders());
    if (!(await this.#accepts(answer))) return await this.#refuse(answer);
    await this.#readBody(answer);
    return this.#file.content();
  }

  #rangeHeaders(): Record<string, string> {
    const identity = { "accept-encoding": "identity" };
    if (this.position === 0) return identity;
    const range = { ...identity, range: `bytes=${this.position}-` };
    return this.#validator === undefined ? range : { ...range, "if-range": this.#validator };
  }

  /** Whether the body that follows is the content, or its rest. */
  async #accepts(answer: HttpAnswer): Promise<boolean> {
    if (answer.status === 206 && this.position > 0) return this.#continues(answer);
    if (answer.status !== 200) return false;
    await this.#restart();
    this.#total = this.#source.size ?? lengthOf(answer);
    const tag = answer.header("etag");
    if (!this.#source.immutable) this.#validator = tag?.startsWith('"') ? tag : undefined;
    return true;
  }

  #continues(answer: HttpAnswer): boolean {
    const [, start, total] =
      /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(answer.header("content-range") ?? "") ?? [];
    if (Number(start) !== this.position) return false;
    return this.#total === undefined || total === "*" || Number(total) === this.#total;
  }

  async #refuse(answer: HttpAnswer): Promise<never> {
    await answer.discard();
    const ranged = this.position > 0 && (answer.status === 206 || answer.status === 416);
    if (!ranged) {
      throw httpFailure(answer.status, answer.statusText, answer.header("retry-after"));
    }
    await this.#restart();
    throw new FetchFailed("the server cannot resume a download", { retryable: true });
  }

  async #readBody(answer: HttpAnswer): Promise<void> {
    const { signal, idleTimeoutMs, onProgress } = this.#options;
    try {
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        await this.#append(chunk);
        onProgress?.(chunk.byteLength);
      }
    } catch (error) {
      signal.throwIfAborted();
      throw this.#explain(error, idleTimeoutMs);
    }
    if (this.#total !== undefined && this.position < this.#total) {
      throw truncatedFailure(this.position, this.#total);
    }
  }

  #explain(error: unknown, idleTimeoutMs: number): unknown {
    const explained = explainFailure(error, idleTimeoutMs);
    if (!(explained instanceof FetchFailed) || explained.message.startsWith("timed out")) {
      return explained;
    }
    return explained.retryable ? truncatedFailure(this.position, this.#total, error) : explained;
  }

  async #append(chunk: Buffer): Promise<void> {
    const { size } = this.#source;
    if (size !== undefined && this.position + chunk.byteLength > size) {
      throw new FetchFailed(`longer than the ${size.toLocaleString("en-US")} bytes expected`);
    }
    await this.#file.append(chunk);
  }

  async #restart(): Promise<void> {
    if (this.position === 0) return;
    this.#options.onProgress?.(-this.position);
    await this.#file.restart();
    this.#total = this.#source.size;
    this.#validator = undefined;
  }
}

function lengthOf(answer: HttpAnswer): number | undefined {
  const text = answer.header("content-length") ?? "";
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
