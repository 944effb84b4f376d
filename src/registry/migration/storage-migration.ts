/**
 * Moves a registry to another store while servers go on with the first one.
 *
 * Passes bring the target to the state of the source until little is left. Then the source is frozen
 * for writes, and passes go on until one finds no difference: that is the proof that all is there.
 * Pulls never notice. Broken off at any point, it can be run again, or released.
 */
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Documents } from "../../storage/documents.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import { inParallel } from "../in-parallel.ts";
import { layout } from "../layout.ts";
import { copyBlob } from "./blob-copy.ts";
import { bringDocument } from "./document-copy.ts";
import { freezeNoticeMs } from "./freezable-store.ts";
import type { Copied, MigrationWork } from "./migration-work.ts";
import { isFrozen, MigrationRefused, type MovingIn, type MovingOut } from "./move-state.ts";
import { pairedKeys } from "./paired-keys.ts";

export interface MigrationOptions {
  /** For people, and to recognise the same migration: a directory or `s3://…`. */
  readonly from: string;
  readonly to: string;
  /** Blobs copied at the same time; documents four times as many. */
  readonly concurrency: number;
  /** Read again and hash what was written. */
  readonly readBack: boolean;
  /** Leave behind what cannot be read in the source, instead of giving up before the freeze. */
  readonly skipDamaged: boolean;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: MigrationProgress) => void;
  /** Waited between freezing the source and relying on it. */
  readonly settleMs?: number;
}

export interface MigrationProgress extends Required<Copied> {
  /** `copy` while writes are taken, `final` while they are refused. */
  readonly phase: "copy" | "final" | "done";
}

export interface MigrationReport extends Required<Copied> {
  /** False when an earlier run had completed it. */
  readonly now: boolean;
  readonly damaged: readonly Damage[];
}

export interface Damage {
  readonly key: string;
  readonly problem: string;
}

/** With less than this to copy, another pass without freezing is of no use. */
const littleDocuments = 200;
const littleBytes = 256 * 1024 * 1024;
/** Data that costs about as much as one document. */
const bytesOfDocument = 256 * 1024;
const mostFinalPasses = 10;
const defaultSettleMs = 3 * freezeNoticeMs;

/**
 * Records and their data have a way of their own; unfinished uploads begin anew; signs of life and what
 * a scrub has put aside belong to the old place.
 */
const withoutWay: ReadonlySet<string> = new Set([
  "rec",
  "data",
  "session",
  "migration",
  "instance",
  "quarantine",
]);

export class StorageMigration {
  readonly #source: ObjectStore;
  readonly #target: ObjectStore;
  readonly #options: MigrationOptions;
  readonly #left: Documents;
  readonly #arrived: Documents;
  readonly #total = { blobs: 0, bytes: 0, documents: 0 };
  readonly #damaged = new Map<string, Damage>();
  #phase: MigrationProgress["phase"] = "copy";

  /** The stores themselves, not as servers see them: this writes where they must not. */
  constructor(source: ObjectStore, target: ObjectStore, options: MigrationOptions) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#left = new Documents(source);
    this.#arrived = new Documents(target);
  }

  /** @throws {MigrationRefused} */
  async run(): Promise<MigrationReport> {
    const begun = await this.#begin();
    const now = begun.arriving.state !== "done";
    if (now) {
      if (!isFrozen(begun.leaving)) await this.#copyUntilLittleIsLeft();
      await this.#freezeAndFinish();
    }
    await this.#leave("moved");
    this.#show("done");
    return { now, ...this.#total, damaged: [...this.#damaged.values()] };
  }

  /** Finds this very migration, or begins it where nothing else is in the way. */
  async #begin(): Promise<{ leaving: MovingOut; arriving: MovingIn }> {
    const { from, to } = this.#options;
    await this.#expectPossible();
    const before = (await this.#left.read<MovingOut>(layout.movingOut))?.value;
    if (before && before.to !== to && before.state !== "released") {
      const done = before.state === "moved" ? "was moved" : "is being moved";
      throw new MigrationRefused(`${from} ${done} to ${before.to}`);
    }
    const id = before?.to === to ? before.id : randomBytes(12).toString("hex");
    const arrived = (await this.#arrived.read<MovingIn>(layout.movingIn))?.value;
    if (arrived?.id !== id) await this.#expectEmpty(arrived);
    const state = before?.state === "released" ? "copying" : (before?.state ?? "copying");
    const leaving: MovingOut = { id, to, state };
    const arriving: MovingIn = arrived?.id === id ? arrived : { id, from, state: "copying" };
    await this.#left.update<MovingOut>(layout.movingOut, () => leaving);
    await this.#arrived.update<MovingIn>(layout.movingIn, (current) =>
      current?.id === id ? undefined : arriving,
    );
    return { leaving, arriving };
  }

  async #expectPossible(): Promise<void> {
    for (const [store, name] of [
      [this.#source, this.#options.from],
      [this.#target, this.#options.to],
    ] as const) {
      if (store.listsEveryKey) continue;
      throw new MigrationRefused(
        `${name} lists new objects late, so what is missing cannot be found; use export and restore`,
      );
    }
    const page = await this.#source.list("", { limit: 1 });
    if (page.keys.length === 0)
      throw new MigrationRefused(`${this.#options.from} holds no registry`);
  }

  async #expectEmpty(arrived: MovingIn | undefined): Promise<void> {
    const { to } = this.#options;
    if (arrived?.state === "copying") {
      throw new MigrationRefused(`${to} is being filled from ${arrived.from}; use another place`);
    }
    const page = await this.#target.list("", { limit: 1 });
    if (page.keys.length > 0) throw new MigrationRefused(`${to} is not empty; use another place`);
  }

  /** Until a pass finds little, or hardly less than the one before: then writes come too fast. */
  async #copyUntilLittleIsLeft(): Promise<void> {
    for (let before = Number.POSITIVE_INFINITY; ; ) {
      const { documents, bytes } = await this.#pass();
      this.#settleDamage();
      if (documents <= littleDocuments && bytes <= littleBytes) return;
      const work = documents + bytes / bytesOfDocument;
      if (work > before / 2) return;
      before = work;
    }
  }

  async #freezeAndFinish(): Promise<void> {
    try {
      await this.#leave("frozen");
      this.#show("final");
      await sleep(this.#options.settleMs ?? defaultSettleMs, undefined, {
        signal: this.#options.signal,
      });
      await this.#copyUntilEqual();
    } catch (error) {
      await this.#thaw(error);
      throw error;
    }
    await this.#arrived.update<MovingIn>(
      layout.movingIn,
      (current) => current && { ...current, state: "done" },
    );
  }

  /** Nobody is to wait for a migration that does not go on. */
  async #thaw(failure: unknown): Promise<void> {
    await this.#leave("copying").catch(() => {
      const { from } = this.#options;
      const message = `the migration broke off, and ${from} still refuses writes: run it again, or with --cancel`;
      throw new MigrationRefused(message, { cause: failure });
    });
  }

  async #copyUntilEqual(): Promise<void> {
    for (let passes = 0; passes < mostFinalPasses; passes += 1) {
      const { documents, blobs } = await this.#pass();
      this.#settleDamage();
      if (documents === 0 && blobs === 0) return;
    }
    throw new MigrationRefused(
      `${this.#options.from} is still written to by a server that knows nothing of this migration`,
    );
  }

  async #leave(state: MovingOut["state"]): Promise<void> {
    await this.#left.update<MovingOut>(layout.movingOut, (current) =>
      current && current.state !== state ? { ...current, state } : undefined,
    );
  }

  /** @returns what was different */
  async #pass(): Promise<Required<Copied>> {
    const { concurrency, readBack, signal } = this.#options;
    const counted = { blobs: 0, bytes: 0, documents: 0 };
    this.#damaged.clear();
    const work: MigrationWork = {
      source: this.#source,
      target: this.#target,
      readBack,
      signal,
      copied: (what) => {
        for (const sum of [counted, this.#total]) add(sum, what);
        this.#show(this.#phase);
      },
      damaged: (key, { message }) => this.#damaged.set(key, { key, problem: message }),
    };
    await this.#walk({ prefix: "rec/" }, concurrency, (key) => copyBlob(work, key));
    const rest = { prefix: "", without: withoutWay };
    await this.#walk(rest, 4 * concurrency, (key) => bringDocument(work, key));
    return counted;
  }

  async #walk(
    keys: Parameters<typeof pairedKeys>[2],
    limit: number,
    bring: (key: string) => Promise<void>,
  ): Promise<void> {
    for await (const some of pairedKeys(this.#source, this.#target, keys)) {
      await inParallel(some, limit, async (key) => {
        this.#options.signal.throwIfAborted();
        await bring(key);
      });
    }
  }

  #settleDamage(): void {
    const [first] = this.#damaged.values();
    if (first === undefined || this.#options.skipDamaged) return;
    const others = this.#damaged.size > 1 ? ` and ${this.#damaged.size - 1} more` : "";
    throw new MigrationRefused(
      `${first.key}${others} cannot be read: ${first.problem}; push it again, or leave it behind with --skip-damaged`,
    );
  }

  #show(phase: MigrationProgress["phase"]): void {
    this.#phase = phase;
    this.#options.onProgress?.({ phase, ...this.#total });
  }
}

function add(sum: { blobs: number; bytes: number; documents: number }, what: Copied): void {
  sum.blobs += what.blobs ?? 0;
  sum.bytes += what.bytes ?? 0;
  sum.documents += what.documents ?? 0;
}
