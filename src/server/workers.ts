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

/** What a worker tells its parent once it serves. */
export interface WorkerReady {
  readonly ready: true;
  readonly port: number;
  readonly identified: boolean;
}

export class Workers {
  readonly #log: Logger;
  readonly #changes = new ChangeHub();
  /** What the parent itself changes. */
  readonly changes: DocumentChanges = changesOfParent(this.#changes);
  #tell: (worker: Worker) => void = () => undefined;
  #stopping = false;
  /** Called when the workers cannot go on. */
  readonly #onFailure: () => void;

  constructor(log: Logger, onFailure: () => void) {
    this.#log = log;
    this.#onFailure = onFailure;
  }

  /** @param tell called with each worker from now on, before it serves */
  onStart(tell: (worker: Worker) => void): void {
    this.#tell = tell;
  }

  /** @returns what the first worker said @throws when one cannot start */
  async start(count: number): Promise<WorkerReady> {
    const started = await Promise.all(Array.from({ length: count }, () => this.#fork()));
    const [first] = started;
    if (first === undefined) throw new Error("no worker was started");
    return first;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
    const ends = workers.map((worker) => once(worker, "exit"));
    for (const worker of workers) worker.process.kill("SIGTERM");
    await Promise.all(ends);
    this.#changes.close();
  }

  async #fork(): Promise<WorkerReady> {
    const worker = cluster.fork();
    this.#tell(worker);
    const born = performance.now();
    worker.on("message", (message) => {
      if (!isCacheMessage(message)) return;
      // Nobody waits for one that is just ending: it leaves the hub when it has.
      const send = (answer: object): void => void worker.send(answer, () => undefined);
      this.#changes.receive(worker.id, message as WorkerMessage, send);
    });
    worker.once("exit", () => this.#changes.leave(worker.id));
    const ready = await firstMessage(worker);
    worker.once("exit", (code, signal) => {
      if (this.#stopping) return;
      this.#log.error({ worker: worker.id, code, signal }, "worker died");
      if (performance.now() - born < infancyMs) this.#onFailure();
      else this.#fork().catch(() => this.#onFailure());
    });
    return ready;
  }
}

async function firstMessage(worker: Worker): Promise<WorkerReady> {
  const stop = new AbortController();
  try {
    return await Promise.race([
      readiness(worker, stop.signal),
      once(worker, "exit", { signal: stop.signal }).then(([code]) => {
        throw new Error(`a worker ended with exit code ${String(code)} before it served`);
      }),
    ]);
  } finally {
    stop.abort();
  }
}

async function readiness(worker: Worker, signal: AbortSignal): Promise<WorkerReady> {
  for (;;) {
    const [message] = await once(worker, "message", { signal });
    if (isReady(message)) return message;
  }
}

function isReady(message: unknown): message is WorkerReady {
  return typeof message === "object" && message !== null && "ready" in message;
}
