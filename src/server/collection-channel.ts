/**
 * Lets workers ask for the collector, which runs in their parent.
 *
 * Questions and answers are messages between the processes, each with a number of its own.
 */
import type { Worker } from "node:cluster";
import type { CycleReport } from "../registry/collector/cycle.ts";
import {
  CollectionOff,
  type CollectorStatus,
  type GarbageCollection,
} from "../registry/collector/garbage-collection.ts";
import { StoreUnavailable } from "../storage/store-error.ts";

interface Question {
  readonly gcQuestion: number;
  readonly ask: "status" | "run" | "request";
  readonly dryRun: boolean;
}

interface Answer {
  readonly gcAnswer: number;
  readonly value?: unknown;
  readonly refusal?: { readonly code: string; readonly message: string };
}

/** In the parent, for each worker. */
export function answerWorker(worker: Worker, collection: GarbageCollection): void {
  worker.on("message", (message: unknown) => {
    if (!isQuestion(message)) return;
    const { gcQuestion, ask, dryRun } = message;
    const reply = (answer: Omit<Answer, "gcAnswer">): void => {
      if (worker.isConnected()) worker.send({ gcAnswer: gcQuestion, ...answer });
    };
    if (ask === "request") return collection.request();
    const asked = ask === "run" ? collection.run({ dryRun }) : collection.status();
    asked.then(
      (value) => reply({ value }),
      (error: unknown) => reply({ refusal: refusalOf(error) }),
    );
  });
}

/** In a worker. */
export class ParentCollection implements GarbageCollection {
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #asked = 0;

  constructor() {
    process.on("message", (message: unknown) => {
      if (!isAnswer(message)) return;
      this.#waiting.get(message.gcAnswer)?.(message);
      this.#waiting.delete(message.gcAnswer);
    });
  }

  async status(): Promise<CollectorStatus> {
    return (await this.#ask("status", false)) as CollectorStatus;
  }

  async run({ dryRun = false }: { dryRun?: boolean } = {}): Promise<CycleReport> {
    return (await this.#ask("run", dryRun)) as CycleReport;
  }

  request(): void {
    process.send?.({ gcQuestion: 0, ask: "request", dryRun: false } satisfies Question);
  }

  async #ask(ask: Question["ask"], dryRun: boolean): Promise<unknown> {
    this.#asked += 1;
    const gcQuestion = this.#asked;
    const { value, refusal } = await new Promise<Answer>((resolve) => {
      this.#waiting.set(gcQuestion, resolve);
      process.send?.({ gcQuestion, ask, dryRun } satisfies Question);
    });
    if (refusal) throw errorOf(refusal);
    return value;
  }
}

function isQuestion(message: unknown): message is Question {
  return typeof message === "object" && message !== null && "gcQuestion" in message;
}

function isAnswer(message: unknown): message is Answer {
  return typeof message === "object" && message !== null && "gcAnswer" in message;
}

function refusalOf(error: unknown): { code: string; message: string } {
  if (error instanceof CollectionOff) return { code: error.code, message: error.reason };
  const unavailable = error instanceof StoreUnavailable;
  return { code: unavailable ? error.code : "UNKNOWN", message: String(error) };
}

function errorOf({ code, message }: { code: string; message: string }): Error {
  if (code === "GC_OFF") return new CollectionOff(message);
  if (code === "UNAVAILABLE") return new StoreUnavailable("garbage collection did not finish");
  return new Error(message);
}
