/**
 * Several serving processes on one port and one store, under a parent that serves nothing itself.
 *
 * The parent holds the storage lock for all of them, replaces a worker that dies, and ends when all
 * have drained.
 */
import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import type { Logger } from "pino";
import type { DocumentChanges } from "../storage/document-changes.ts";
import { ChangeHub, isCacheMessage, type WorkerMessage } from "./change-hub.ts";
import { changesOfParent } from "./coherence.ts";

/** A worker that dies younger than this dies of its configuration: no use starting it again. */
const infancyMs = 2000;

/** The young objects of requests need little room; what V8 would take for them it never gives back. */
const youngFlag = "--max-semi-space-size=4";
/** Threads that share arenas of malloc leave less of them unused. */
const workerEnvironment = { MALLOC_ARENA_MAX: "2" };

/** What a worker tells its parent once it serves. */
export interface WorkerReady {
  readonly ready: true;
  readonly port: number;
  readonly identified: boolean;
}

/** A worker says that it has loaded its code, its parent that the storage is claimed. */
const waiting = { waiting: true } as const;
const go = { go: true } as const;

interface Forked {
  readonly worker: Worker;
  /** Kept when it waits for its parent's word; broken when it ends before. */
  readonly loaded: Promise<unknown>;
}

export class Workers {
  readonly #log: Logger;
  readonly #changes = new ChangeHub();
  /** What the parent itself changes. */
  readonly changes: DocumentChanges = changesOfParent(this.#changes);
  /** Called when the workers cannot go on. */
  readonly #onFailure: () => void;
  readonly #forked: readonly Forked[];
  #tell: ((worker: Worker) => void) | undefined;
  #stopping = false;

  /** Forks at once: workers load their code while the parent opens the storage. */
  constructor(count: number, log: Logger, onFailure: () => void) {
    this.#log = log;
    this.#onFailure = onFailure;
    cluster.setupPrimary({ execArgv: [...process.execArgv, youngFlag] });
    this.#forked = Array.from({ length: count }, fork);
  }

  /**
   * Lets them serve.
   *
   * @param tell called with each worker, also one that replaces another, before it serves
   * @returns what the first worker said @throws when one cannot start
   */
  async start(tell: (worker: Worker) => void): Promise<WorkerReady> {
    this.#tell = tell;
    const [first] = await Promise.all(this.#forked.map((forked) => this.#begin(forked, tell)));
    if (first === undefined) throw new Error("no worker was started");
    return first;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
    const ends = workers.map((worker) => once(worker, "exit"));
    // Those that were not let begin hold nothing that has to end in order.
    const signal = this.#tell ? "SIGTERM" : "SIGKILL";
    for (const worker of workers) worker.process.kill(signal);
    await Promise.all(ends);
    this.#changes.close();
  }

  async #begin({ worker, loaded }: Forked, tell: (worker: Worker) => void): Promise<WorkerReady> {
    await loaded;
    if (worker.isDead()) throw new Error("a worker ended before it served");
    tell(worker);
    const born = performance.now();
    worker.on("message", (message) => {
      if (!isCacheMessage(message)) return;
      // Nobody waits for one that is just ending: it leaves the hub when it has.
      const send = (answer: object): void => void worker.send(answer, () => undefined);
      this.#changes.receive(worker.id, message as WorkerMessage, send);
    });
    worker.once("exit", () => this.#changes.leave(worker.id));
    const served = said(worker, isReady);
    worker.send(go, () => undefined); // one that is ending says so itself
    const ready = await served;
    worker.once("exit", (code, signal) => {
      if (this.#stopping) return;
      this.#log.error({ worker: worker.id, code, signal }, "worker died");
      if (performance.now() - born < infancyMs) this.#onFailure();
      else this.#begin(fork(), tell).catch(() => this.#onFailure());
    });
    return ready;
  }
}

function fork(): Forked {
  const worker = cluster.fork(workerEnvironment);
  const loaded = said(worker, isWaiting);
  loaded.catch(() => undefined); // told to who lets it begin, if anybody does
  return { worker, loaded };
}

/** In a worker: says that it waits, and resolves with its parent's word or when `stop` is aborted. */
export async function awaitGo(stop: AbortSignal): Promise<void> {
  const word = once(process, "message", { signal: stop });
  process.send?.(waiting);
  await word.catch((error: unknown) => {
    if (!stop.aborted) throw error;
  });
}

/** Heard from now on; several messages may come in one turn. @throws when the worker ends before */
function said<T>(worker: Worker, isIt: (message: unknown) => message is T): Promise<T> {
  return new Promise((resolve, reject) => {
    const hear = (message: unknown): void => {
      if (!isIt(message)) return;
      end();
      resolve(message);
    };
    const die = (code: number | null): void => {
      end();
      reject(new Error(`a worker ended with exit code ${String(code)} before it served`));
    };
    const end = (): void => {
      worker.off("message", hear);
      worker.off("exit", die);
    };
    worker.on("message", hear);
    worker.on("exit", die);
  });
}

function isWaiting(message: unknown): message is typeof waiting {
  return typeof message === "object" && message !== null && "waiting" in message;
}

function isReady(message: unknown): message is WorkerReady {
  return typeof message === "object" && message !== null && "ready" in message;
}
