/**
 * The scrub of a server: it runs in the process itself, or in the parent of its workers, which serves
 * nothing and so keeps nobody waiting. Processes that serve ask its journal, and look at what they
 * could not read.
 */
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import type { HealthCheck } from "../http/health-routes.ts";
import type { Scrubbing } from "../http/scrub-routes.ts";
import { FreezableStore } from "../registry/migration/freezable-store.ts";
import { openRegistry, type Registry, type RegistryOptions } from "../registry/registry.ts";
import { ByteRate } from "../registry/scrub/byte-rate.ts";
import { type Damage, subjectOf } from "../registry/scrub/damage.ts";
import { ScrubLoop } from "../registry/scrub/scrub-loop.ts";
import { Scrubber } from "../registry/scrub/scrubber.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { remember } from "./remember.ts";
import type { Storage } from "./storage.ts";

const hourMs = 60 * 60 * 1000;
/** How often the journal is looked at. Of a bucket each look is paid for. */
const pollMs = { near: 3000, distant: 30_000 };
/** `/health` and `/metrics` are asked often. */
const freshMs = 2000;

export interface ServerScrub {
  start(): void;
  stop(): Promise<void>;
}

/** @param storage without a floor: the last block of a disk is for deleting */
export function createScrub(
  config: Config,
  { store, distant }: Pick<Storage, "store" | "distant">,
  log: Logger,
): ServerScrub {
  if (config.readOnly) return { start: () => undefined, stop: async () => undefined };
  const open = new FreezableStore(store);
  const registry = openRegistry(open, {
    manifestLimit: config.limits.manifestBytes,
    uploadLifeMs: config.upload.expiryHours * hourMs,
  });
  const rate = new ByteRate(config.scrub.bytesPerSecond);
  const scrubber = new Scrubber({ store: open, registry, rate, onDamage: tellOf(log) });
  return new ScrubLoop(scrubber, {
    intervalMs: config.scrub.intervalHours * hourMs,
    pollMs: distant ? pollMs.distant : pollMs.near,
    onEnd: ({ error, counts }) => {
      if (error === undefined) log.info({ counts }, "everything stored was verified");
      else log.error({ err: error }, "verification of the storage broke off");
    },
  });
}

/** For a process that serves. */
export class ScrubClient implements Scrubbing {
  readonly #scrubber: Scrubber;
  readonly #looking = new Set<string>();
  readonly #damages: () => Promise<readonly Damage[]>;
  readonly status: Scrubbing["status"];
  /** Somebody could not read this: it is looked at once, whoever else asks meanwhile. */
  readonly suspect: NonNullable<RegistryOptions["onSuspect"]>;

  constructor(store: ObjectStore, registry: Registry, log: Logger) {
    const rate = new ByteRate(0);
    this.#scrubber = new Scrubber({ store, registry, rate, onDamage: tellOf(log) });
    this.suspect = (digest) => {
      if (this.#looking.has(digest)) return;
      this.#looking.add(digest);
      this.#scrubber
        .suspect(digest, new AbortController().signal)
        .catch((error) => log.error({ err: error, digest }, "blob not verified"))
        .finally(() => this.#looking.delete(digest));
    };
    this.#damages = remember(() => this.#scrubber.refresh(), freshMs);
    this.status = remember(() => this.#scrubber.journal.read(), freshMs);
  }

  async request(): Promise<void> {
    await this.#scrubber.journal.change((state) => ({ ...state, requested: true }));
  }

  get check(): HealthCheck {
    return { name: "storage/content", run: async () => statusOf(await this.#damages()) };
  }
}

function tellOf(log: Logger): (damage: Damage) => void {
  return (damage) => log.error({ damage }, "damage found in the storage");
}

function statusOf(damages: readonly Damage[]): { healthy: boolean; message: string } {
  const [first] = damages;
  if (first === undefined) return { healthy: true, message: "No damage is known." };
  const needed = first.neededBy ? `, needed by ${first.neededBy[0]}` : "";
  const what = `${subjectOf(first)} (${first.why}${needed})`;
  const more = damages.length > 1 ? ` and ${damages.length - 1} more` : "";
  return { healthy: false, message: `Damaged, to be pushed or added again: ${what}${more}.` };
}
