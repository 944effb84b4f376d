/**
 * The store as servers use it, which a migration can close for writes while reads go on.
 *
 * A document that is written is acknowledged only if the storage was not yet frozen at a moment at
 * most two seconds earlier. A migration freezes it, waits longer than that, and then sees everything
 * that anybody was told is kept. Whoever was told nothing repeats the request at the new place.
 */
import { RegistryError } from "../../oci/registry-error.ts";
import { Documents } from "../../storage/documents.ts";
import { ForwardingStore } from "../../storage/forwarding-store.ts";
import type { ObjectStore, Precondition, Revision } from "../../storage/object-store.ts";
import { layout } from "../layout.ts";
import { isFrozen, type MovingOut } from "./move-state.ts";

/** How long an answer is relied on. A migration waits for several times as long. */
export const freezeNoticeMs = 2_000;

/** Not "maybe", which would be looked up and found: what was written may never be copied. */
export class WritesFrozen extends RegistryError {
  readonly code = "UNAVAILABLE";
  constructor(why: string, options?: ErrorOptions) {
    super(`${why}; repeat the request later`, {}, options);
  }
}

interface Look {
  readonly asked: Moment;
  readonly seen: Promise<MovingOut | undefined>;
}

interface Moment {
  readonly monotonicMs: number;
  /** Goes on while a machine is suspended, which the other clock may not. */
  readonly wallMs: number;
}

const clocks = (): Moment => ({ monotonicMs: performance.now(), wallMs: Date.now() });

export class FreezableStore extends ForwardingStore {
  readonly #documents: Documents;
  readonly #clock: () => Moment;
  #last: Look | undefined;

  constructor(inner: ObjectStore, clock: () => Moment = clocks) {
    super(inner);
    this.#documents = new Documents(inner);
    this.#clock = clock;
  }

  /** What is known of a migration, at most two seconds old. */
  moving(): Promise<MovingOut | undefined> {
    return this.#look();
  }

  override async save(
    key: string,
    bytes: Uint8Array,
    precondition: Precondition,
  ): Promise<Revision> {
    await this.#expectOpen();
    const revision = await super.save(key, bytes, precondition);
    await this.#expectOpen();
    return revision;
  }

  async #expectOpen(): Promise<void> {
    const moving = await this.#look().catch((cause: unknown) => {
      throw new WritesFrozen("storage: it cannot be read whether writes are allowed", { cause });
    });
    if (!isFrozen(moving)) return;
    const done = moving?.state === "moved" ? "was" : "is being";
    throw new WritesFrozen(`this registry's storage ${done} moved and takes no writes`);
  }

  /** What was asked for at most two seconds before this call, however long the answer takes. */
  #look(): Promise<MovingOut | undefined> {
    const asked = this.#clock();
    if (this.#last && isRecent(this.#last.asked, asked)) return this.#last.seen;
    const seen = this.#documents
      .read<MovingOut>(layout.movingOut)
      .then((document) => document?.value);
    const last = { asked, seen };
    this.#last = last;
    seen.catch(() => {
      if (this.#last === last) this.#last = undefined;
    });
    return seen;
  }
}

function isRecent(asked: Moment, now: Moment): boolean {
  const wallAge = now.wallMs - asked.wallMs;
  const recent = now.monotonicMs - asked.monotonicMs < freezeNoticeMs;
  return recent && wallAge >= 0 && wallAge < freezeNoticeMs;
}
