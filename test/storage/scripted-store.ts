/**
 * A store between an actor and the real one, in which a test holds, loses and delays single requests.
 *
 * One actor has one of these; several of them stand before the same store. So a test can play out
 * any order of requests, step by step, without waiting for chance.
 */
import type {
  ListOptions,
  ListPage,
  LoadedObject,
  ObjectStore,
  Precondition,
  ReadOptions,
  Revision,
  StagedWrite,
} from "../../src/storage/object-store.ts";
import { StoreUnavailable } from "../../src/storage/store-error.ts";

export type StoreMethod = Exclude<keyof ObjectStore, "listsEveryKey"> | keyof StagedWrite;

type Execute = () => Promise<unknown>;

/** A request that has come, or will come, to the store and waits there for its fate. */
export class HeldRequest {
  readonly method: StoreMethod;
  readonly key: RegExp;
  /** Settles when the actor has sent the request. */
  readonly arrived: Promise<void>;
  #arrive: () => void = () => undefined;
  #execute: Execute = notArrived;
  #answer: (answer: Promise<unknown>) => void = () => undefined;

  constructor(method: StoreMethod, key: RegExp) {
    this.method = method;
    this.key = key;
    this.arrived = new Promise((resolve) => {
      this.#arrive = resolve;
    });
  }

  /** For the store: the actor's request is here. */
  take<T>(execute: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve) => {
      this.#execute = execute;
      this.#answer = (answer) => resolve(answer as Promise<T>);
      this.#arrive();
    });
  }

  /** Carries it out and answers as the store does. Returns when the store has answered. */
  async proceed(): Promise<void> {
    await this.arrived;
    const outcome = this.#execute();
    this.#answer(outcome);
    await outcome.catch(() => undefined); // the failure belongs to the actor
  }

  /** Carries it out; the answer is on its way until the test calls the result. */
  async answerLate(): Promise<() => void> {
    await this.arrived;
    const outcome = this.#execute();
    await outcome.catch(() => undefined); // the failure belongs to the actor
    return () => this.#answer(outcome);
  }

  /** Carries it out; the actor never learns how it went. */
  async loseAnswer(): Promise<void> {
    await this.arrived;
    await this.#execute().catch(() => undefined);
    this.#answer(unavailable(this.method));
  }

  /** It never reached the store; the actor cannot know that. */
  drop(): Promise<void> {
    return this.refuse(new StoreUnavailable(`no answer to ${this.method}`));
  }

  /** The store answers with an error and does nothing. */
  async refuse(error: Error): Promise<void> {
    await this.arrived;
    this.#answer(Promise.reject(error));
  }

  /** The actor gives up on it, yet it is still on its way. @returns lets it land */
  async delay(): Promise<() => Promise<"done" | "refused">> {
    await this.drop();
    return () =>
      this.#execute().then(
        () => "done",
        () => "refused",
      );
  }
}

export class ScriptedStore implements ObjectStore {
  /** Every request of the actor in order, as `save rec/sha256/…`. */
  readonly requests: string[] = [];
  readonly #inner: ObjectStore;
  readonly #held: HeldRequest[] = [];
  #gate: ((request: HeldRequest) => void) | undefined;
  #outage: RegExp | undefined;

  constructor(inner: ObjectStore) {
    this.#inner = inner;
  }

  get listsEveryKey(): boolean {
    return this.#inner.listsEveryKey;
  }

  /** Makes the next request of this kind wait for the test. Each holds one request. */
  hold(method: StoreMethod, key: RegExp): HeldRequest {
    const held = new HeldRequest(method, key);
    this.#held.push(held);
    return held;
  }

  /** From now on every request waits for the test, which is told of each. */
  gate(tell: (request: HeldRequest) => void): void {
    this.#gate = tell;
  }

  /** From now on requests whose `method key` matches are dropped; undefined ends it. */
  outage(requests: RegExp | undefined): void {
    this.#outage = requests;
  }

  /** What the actor has asked for since the last call. */
  takeRequests(): string[] {
    return this.requests.splice(0);
  }

  stat(key: string): Promise<number | undefined> {
    return this.#pass("stat", key, () => this.#inner.stat(key));
  }

  load(key: string, known?: Revision): Promise<LoadedObject | undefined> {
    return this.#pass("load", key, () => this.#inner.load(key, known));
  }

  save(key: string, bytes: Uint8Array, precondition: Precondition): Promise<Revision> {
    const sent = Buffer.from(bytes);
    return this.#pass("save", key, () => this.#inner.save(key, sent, precondition));
  }

  read(key: string, options?: ReadOptions): Promise<AsyncIterable<Buffer>> {
    return this.#pass("read", key, () => this.#inner.read(key, options));
  }

  stage(key: string): Promise<StagedWrite> {
    return this.#pass("stage", key, async () => {
      const staged = await this.#inner.stage(key);
      return {
        append: (chunk) => this.#pass("append", key, () => staged.append(chunk)),
        commit: () => this.#pass("commit", key, () => staged.commit()),
        abort: () => this.#pass("abort", key, () => staged.abort()),
      };
    });
  }

  delete(key: string): Promise<void> {
    return this.#pass("delete", key, () => this.#inner.delete(key));
  }

  list(prefix: string, options?: ListOptions): Promise<ListPage> {
    return this.#pass("list", prefix, () => this.#inner.list(prefix, options));
  }

  #pass<T>(method: StoreMethod, key: string, execute: () => Promise<T>): Promise<T> {
    const request = `${method} ${key}`;
    this.requests.push(request);
    if (this.#outage?.test(request)) return unavailable(method);
    const position = this.#held.findIndex((one) => one.method === method && one.key.test(key));
    const [held] = position < 0 ? [] : this.#held.splice(position, 1);
    if (held) return held.take(execute);
    return this.#gate ? this.#pastGate(method, execute, this.#gate) : execute();
  }

  #pastGate<T>(
    method: StoreMethod,
    execute: () => Promise<T>,
    tell: (request: HeldRequest) => void,
  ): Promise<T> {
    const request = new HeldRequest(method, /^/);
    const answer = request.take(execute);
    tell(request);
    return answer;
  }
}

async function unavailable(method: StoreMethod): Promise<never> {
  throw new StoreUnavailable(`no answer to ${method}`);
}

async function notArrived(): Promise<never> {
  throw new Error("the request has not arrived");
}
