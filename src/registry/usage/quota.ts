/**
 * Room below a quota: how much may be stored in all, by every process and instance together.
 *
 * Approximate by what the others have written in the last seconds. Until everything was counted once,
 * only what was written since is known, and nothing else is refused.
 */
import type { Room } from "../../storage/room.ts";
import { StoreFull } from "../../storage/store-error.ts";
import type { UsageMeter } from "./usage-meter.ts";

export interface QuotaState {
  /** Bytes. */
  readonly quota: number;
  readonly used: number;
  /** Whether `used` tells of everything, or only of what was written lately. */
  readonly counted: boolean;
  /** Low: nine tenths are used. Full: writers are refused. */
  readonly level: "enough" | "low" | "full";
}

class QuotaReached extends StoreFull {
  constructor({ quota, used }: QuotaState) {
    super(undefined, "the registry's quota is used up", { quotaBytes: quota, usedBytes: used });
  }
}

class BeyondQuota extends StoreFull {
  constructor({ quota, used }: QuotaState, bytes: number) {
    const room = Math.max(0, quota - used);
    super(undefined, `the registry's quota has room for ${room} bytes, not for ${bytes}`, {
      announcedBytes: bytes,
      quotaBytes: quota,
      usedBytes: used,
    });
  }
}

export class Quota implements Room {
  readonly #quota: number;
  readonly #meter: UsageMeter;

  /** @param quota bytes, more than 0 */
  constructor(quota: number, meter: UsageMeter) {
    this.#quota = quota;
    this.#meter = meter;
  }

  async require(bytes = 0): Promise<void> {
    await this.#meter.refresh();
    const state = this.#state();
    if (state.level === "full") throw new QuotaReached(state);
    if (bytes > state.quota - state.used) throw new BeyondQuota(state, bytes);
  }

  refusal(): StoreFull | undefined {
    this.#meter.refreshLater();
    const state = this.#state();
    return state.level === "full" ? new QuotaReached(state) : undefined;
  }

  /** At most a second old. @throws {StoreUnavailable} */
  async state(): Promise<QuotaState> {
    await this.#meter.refresh();
    return this.#state();
  }

  #state(): QuotaState {
    const { used, counted } = this.#meter;
    const quota = this.#quota;
    const level = used >= quota ? "full" : used >= quota * 0.9 ? "low" : "enough";
    return { quota, used, counted, level };
  }
}
