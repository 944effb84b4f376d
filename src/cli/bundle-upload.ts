/**
 * Sends a whole bundle in one request, in constant memory, and always learns why it was refused.
 *
 * When a connection breaks before the answer could be read, the registry is asked again by the first
 * block alone, which leaves it time to answer.
 */
import { once } from "node:events";
import { Readable } from "node:stream";
import type { Digest } from "../oci/digest.ts";
import { ConnectionBroken } from "./network-error.ts";
import type { Answer } from "./registry-refusal.ts";
import type { RegistryTransport } from "./registry-transport.ts";
import { Sending } from "./sending.ts";

export interface UploadSource {
  /** Bytes that `chunks` gives, exactly. */
  readonly size: number;
  /** Read once; ended early, by `return()`, when the registry answers before its end. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** The first bytes of `chunks`, at least one. */
  readonly start: Uint8Array;
  /** What a backup says that the package had; left to the registry otherwise. */
  readonly releaseVersion?: number;
}

export interface UploadLimits {
  /** How long the registry may take no byte; 120 s. */
  readonly stallTimeoutMs?: number;
  /** Bytes from which a bundle goes blob by blob, where the registry can do that; 8 MiB. */
  readonly pushFromBytes?: number;
  /** How long it may validate after the last byte; 15 minutes. */
  readonly validationTimeoutMs?: number;
  /** How long it may think about a refusal when a connection broke; 5 s. */
  readonly refusalTimeoutMs?: number;
}

/** @throws {RegistryUnreachable} when the connection broke and the registry does not say why */
export async function uploadBundle(
  transport: RegistryTransport,
  source: UploadSource,
  limits: UploadLimits,
  signal: AbortSignal,
): Promise<Answer> {
  const sending = new Sending(limits.stallTimeoutMs ?? 120_000);
  try {
    return await post(transport, source, sending.watch(source.chunks), {
      answerTimeoutMs: limits.validationTimeoutMs ?? defaultValidationMs,
      signal: AbortSignal.any([signal, sending.stalled]),
    });
  } catch (error) {
    if (!(error instanceof ConnectionBroken) || signal.aborted) throw error;
    const refusal = await askForRefusal(transport, source, limits, signal);
    if (refusal !== undefined) return refusal;
    const { message, where } = error;
    throw new ConnectionBroken(message, { where, hint: hintAfter(sending), cause: error });
  } finally {
    sending.end();
  }
}

type AddByRootOptions = UploadLimits & Pick<UploadSource, "releaseVersion">;

/** Adds a package whose blobs are all there. */
export function addByRoot(
  transport: RegistryTransport,
  root: Digest,
  { releaseVersion, validationTimeoutMs = defaultValidationMs }: AddByRootOptions,
  signal: AbortSignal,
): Promise<Answer> {
  return transport.exchange({
    method: "POST",
    route: addRoute(releaseVersion),
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ root }),
    answerTimeoutMs: validationTimeoutMs,
    signal,
  });
}

function addRoute(releaseVersion: number | undefined): string {
  return `package/add${releaseVersion === undefined ? "" : `?releaseVersion=${releaseVersion}`}`;
}

const defaultValidationMs = 900_000;

interface PostOptions {
  readonly answerTimeoutMs: number;
  readonly signal: AbortSignal;
}

function post(
  transport: RegistryTransport,
  { size, releaseVersion }: UploadSource,
  chunks: AsyncIterable<Uint8Array>,
  options: PostOptions,
): Promise<Answer> {
  return transport.exchange({
    method: "POST",
    route: addRoute(releaseVersion),
    headers: { "content-type": "application/x-tar", "content-length": String(size) },
    body: Readable.from(chunks),
    ...options,
  });
}

/** @returns the registry's answer to the headers and the first block; undefined when it waits for more */
async function askForRefusal(
  transport: RegistryTransport,
  source: UploadSource,
  { refusalTimeoutMs = 5_000 }: UploadLimits,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  // Not `AbortSignal.timeout`: behind `any` it may be collected as garbage, and then never fires.
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), refusalTimeoutMs);
  const enough = AbortSignal.any([signal, patience.signal]);
  const waiting = (async function* () {
    yield source.start;
    if (!enough.aborted) await once(enough, "abort");
  })();
  try {
    const options = { answerTimeoutMs: refusalTimeoutMs, signal: enough };
    return await post(transport, source, waiting, options).catch(() => undefined);
  } finally {
    clearTimeout(timer);
  }
}

/** What to do after a broken connection: adding twice is harmless, but may be unnecessary. */
function hintAfter({ whole }: Sending): string {
  return whole
    ? "the package may have been added all the same: see dcos-registry list"
    : "run the same command again";
}
