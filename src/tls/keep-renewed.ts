/**
 * Renews a signed certificate in time, for as long as the server runs.
 *
 * Failures are repeated ever less often, but always several times before the certificate ends; nothing
 * stops serving for them.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { CertificateState, SignedCertificate } from "./signed-certificate.ts";

export interface RenewalOptions {
  readonly signal: AbortSignal;
  /** The last one's life; from `state`, `renew` or `standIn`. */
  readonly state: CertificateState;
  /** Whether a renewal has failed just now. */
  readonly failed?: boolean;
  readonly onRenewed: (state: CertificateState) => void;
  /** Told of each failure, and when it will be tried again. */
  readonly onError: (error: unknown, retryMs: number) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Resolves when the time is over or the signal aborts. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

const firstRetryMs = 5_000;
const longestRetryMs = 600_000;
const longestRetryOfStandInMs = 60_000;
/** Clocks are set, machines sleep: no pause relies on more than this. */
const longestPauseMs = 3_600_000;

/** @returns when the signal has aborted */
export async function keepRenewed(
  certificate: Pick<SignedCertificate, "renew">,
  options: RenewalOptions,
): Promise<void> {
  const { signal, now = Date.now, pause = unhurried, onRenewed, onError } = options;
  let { state } = options;
  let failures = options.failed ? 1 : 0;
  const waitMs = (): number =>
    failures === 0 ? state.dueMs - now() : retryMs(failures, state.endsMs - now());
  while (!signal.aborted) {
    await pause(Math.min(Math.max(waitMs(), 0), longestPauseMs), signal);
    if (signal.aborted || now() < state.dueMs) continue;
    try {
      state = await certificate.renew(signal);
      failures = 0;
      onRenewed(state);
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      onError(error, waitMs());
    }
  }
}

/** @param leftMs until the certificate ends; none or less for a stand-in, which nobody trusts */
export function retryMs(failures: number, leftMs: number): number {
  const growing = firstRetryMs * 2 ** Math.min(failures - 1, 10);
  if (leftMs <= 0) return Math.min(growing, longestRetryOfStandInMs);
  return Math.min(growing, longestRetryMs, Math.max(leftMs / 10, 1000));
}

async function unhurried(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false }).catch(() => undefined);
}
