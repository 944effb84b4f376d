/**
 * Sends a whole bundle in one request, in constant memory, and always learns why it was refused.
 *
 * A registry that refuses while we send answers and closes; a write that meets the closed connection
 * fails, and Node then throws away the answer that has come already. So each write is preceded by
 * a chance to read, and when a connection breaks all the same, the registry is asked again by
 * the first block alone, which leaves it time to answer.
 */
import { once } from "node:events";
import { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { ConnectionBroken, RegistryUnreachable } from "./network-error.ts";
import type { Answer } from "./registry-refusal.ts";
import type { RegistryTransport } from "./registry-transport.ts";

export interface UploadSource {
  /** Bytes that `chunks` gives, exactly. */
  readonly size: number;
  /** Read once; ended early, by `return()`, when the registry answers before its end. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** The first bytes of `chunks`, at least one. */
  readonly start: Uint8Array;
}

export interface UploadLimits {
  /** How long the registry may take no byte; 120 s. */
  readonly stallTimeoutMs?: number;
  /** How long it may validate after the last byte; 15 minutes. */
  readonly validationTimeoutMs?: number;
  /** How long it may think about a refusal when a connection broke; 5 s. */
  readonly refusalTimeoutMs?: number;
}

const writeBytes = 64 * 1024;

/** @throws {RegistryUnreachable} when the connection broke and the registry does not say why */
export async function uploadBundle(
  transport: RegistryTransport,
  source: UploadSource,
  limits: UploadLimits,
  signal: AbortSignal,
): Promise<Answer> {
  const sending = new Sending(limits.stallTimeoutMs ?? 120_000);
  try {
    return await post(transport, source.size, sending.watch(source.chunks), {
      answerTimeoutMs: limits.validationTimeoutMs ?? 900_000,
      signal: AbortSignal.any([signal, sending.stalled]),
    });
  } catch (error) {
    if (!(error instanceof ConnectionBroken) || signal.aborted) throw error;
    const refusal = await askForRefusal(transport, source, limits, signal);
    if (refusal !== undefined) return refusal;
    const { message, where } = error;
    throw new ConnectionBroken(message, { where, hint: sending.hint, cause: error });
  } finally {
    sending.end();
  }
}

interface PostOptions {
  readonly answerTimeoutMs: number;
  readonly signal: AbortSignal;
}

function post(
  transport: RegistryTransport,
  size: number,
  chunks: AsyncIterable<Uint8Array>,
  options: PostOptions,
): Promise<Answer> {
  return transport.exchange({
    method: "POST",
    route: "package/add",
    headers: { "content-type": "application/x-tar", "content-length": String(size) },
    body: Readable.from(chunks),
    ...options,
  });
}

/** @returns the registry's answer to the headers and the first block; undefined when it waits for more */
async function askForRefusal(
  transport: RegistryTransport,
  { size, start }: UploadSource,
  { refusalTimeoutMs = 5_000 }: UploadLimits,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  // Not `AbortSignal.timeout`: behind `any` it may be collected as garbage, and then never fires.
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), refusalTimeoutMs);
  const enough = AbortSignal.any([signal, patience.signal]);
  const waiting = (async function* () {
    yield start;
    if (!enough.aborted) await once(enough, "abort");
  })();
  try {
    const options = { answerTimeoutMs: refusalTimeoutMs, signal: enough };
    return await post(transport, size, waiting, options).catch(() => undefined);
  } finally {
    clearTimeout(timer);
  }
}

/** One run over the chunks; notices when the registry takes nothing for a time. */
class Sending {
  readonly #stalled = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #whole = false;

  constructor(timeoutMs: number) {
    const message = `the registry took no byte for ${Math.round(timeoutMs / 1000)} s`;
    const giveUp = () => this.#stalled.abort(new RegistryUnreachable(message));
    this.#timer = setTimeout(giveUp, timeoutMs);
  }

  get stalled(): AbortSignal {
    return this.#stalled.signal;
  }

  /** What to do after a broken connection: adding twice is harmless, but may be unnecessary. */
  get hint(): string {
    return this.#whole
      ? "the package may have been added all the same: see dcos-registry list"
      : "run the same command again";
  }

  /** Gives small pieces, each after a turn of the event loop, in which an answer can be read. */
  async *watch(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of chunks) {
        for (let at = 0; at < chunk.byteLength; at += writeBytes) {
          await nextTurn();
          this.#timer.refresh();
          yield chunk.subarray(at, at + writeBytes);
        }
      }
      this.#whole = true;
    } finally {
      this.end();
    }
  }

  /** The wait for the answer, after the last byte, is not counted. */
  end(): void {
    clearTimeout(this.#timer);
  }
}
