/**
 * Sends a seed's requests over a few connections, several in flight on each, and collects what was
 * wrong with the answers.
 *
 * A failure names its seed and number; `FUZZ_SEED` and `FUZZ_ONLY` send just that one again.
 */
import type { Duplex } from "node:stream";
import { envelopeProblems, generalProblems, problemsOf } from "./answer-rules.ts";
import { rawShape } from "./raw-shapes.ts";
import { fuzzRequest } from "./requests.ts";
import {
  encodeRequest,
  type WireAnswer,
  WireConnection,
  WireError,
  type WireRequest,
} from "./wire.ts";
import { type Ask, fingerprint, type World } from "./world.ts";

export interface FuzzPlan {
  readonly connect: () => Promise<Duplex>;
  readonly seed: number;
  /** Requests that are legal as HTTP, and bytes that are not, each on its own connection. */
  readonly requests: number;
  readonly rawShapes: number;
}

export interface FuzzReport {
  /** How often each status was answered. */
  readonly statuses: ReadonlyMap<number, number>;
  /** At most ten, each with what is needed to repeat it. */
  readonly failures: readonly string[];
}

const lanes = 6;
const depth = 8;
const failuresShown = 10;
const sessionsKnown = 32;

/** Where a run starts when it is told to repeat: `FUZZ_SEED=7 FUZZ_ONLY=1234`. */
export const repeated = {
  seed: process.env["FUZZ_SEED"] === undefined ? undefined : Number(process.env["FUZZ_SEED"]),
  only: process.env["FUZZ_ONLY"] === undefined ? undefined : Number(process.env["FUZZ_ONLY"]),
};

/** One request on a connection of its own. */
export function asker(connect: FuzzPlan["connect"]): Ask {
  return async (request) => {
    const connection = new WireConnection(await connect());
    try {
      connection.send(encodeRequest(request));
      const answer = await connection.read(request.method);
      if (answer === undefined) throw new WireError("closed without an answer");
      return answer;
    } finally {
      connection.close();
    }
  };
}

export async function runFuzz(plan: FuzzPlan, world: World): Promise<FuzzReport> {
  const run = new FuzzRun(plan, world);
  await Promise.all([
    ...Array.from({ length: lanes }, () => run.sendRequests()),
    run.sendRawShapes(),
  ]);
  await run.checkKept();
  return run;
}

interface Numbered {
  readonly number: number;
  readonly request: WireRequest;
}

class FuzzRun implements FuzzReport {
  readonly statuses = new Map<number, number>();
  readonly failures: string[] = [];
  readonly #plan: FuzzPlan;
  readonly #world: World;
  #next = 0;
  #renewed = 0;

  constructor(plan: FuzzPlan, world: World) {
    this.#plan = plan;
    this.#world = world;
  }

  get #enough(): boolean {
    return this.failures.length >= failuresShown;
  }

  async sendRequests(): Promise<void> {
    let waiting: Numbered[] = [];
    let connection: WireConnection | undefined;
    for (;;) {
      while (waiting.length < depth && this.#more()) waiting.push(this.#take());
      if (waiting.length === 0 || this.#enough) break;
      connection ??= new WireConnection(await this.#plan.connect());
      connection.send(Buffer.concat(waiting.map(({ request }) => encodeRequest(request))));
      const { answered, open } = await this.#readAnswers(connection, waiting);
      waiting = waiting.slice(answered);
      if (open) continue;
      connection.close();
      connection = undefined;
    }
    connection?.close();
  }

  async sendRawShapes(): Promise<void> {
    const { seed, rawShapes } = this.#plan;
    for (let number = 0; number < rawShapes && !this.#enough; number += 1) {
      await this.#sendRawShape(`raw shape ${number}`, rawShape(seed, number, this.#world));
    }
  }

  async #sendRawShape(what: string, bytes: Buffer): Promise<void> {
    const connection = new WireConnection(await this.#plan.connect());
    try {
      connection.send(bytes);
      connection.finish();
      for (;;) {
        const answer = await connection.read("GET");
        if (answer === undefined) return;
        this.#count(answer);
        const problems = [...generalProblems(answer), ...envelopeProblems(answer)];
        if (problems.length > 0) this.#fail(what, bytes, problems, answer);
      }
    } catch (error) {
      // Who is told "no" while he still sends may lose the rest of the answer to a reset.
      const reset = error instanceof WireError && error.cause !== undefined;
      if (!reset) this.#fail(what, bytes, [String(error)]);
    } finally {
      connection.close();
    }
  }

  /** What requests had no right to change. */
  async checkKept(): Promise<void> {
    const ask = asker(this.#plan.connect);
    for (const [target, before] of this.#world.kept) {
      const now = fingerprint(await ask({ method: "GET", target, headers: this.#world.usual }));
      if (now !== before) this.failures.push(`${target} was ${before} and is ${now}`);
    }
  }

  #more(): boolean {
    return this.#next < this.#plan.requests && !this.#enough;
  }

  #take(): Numbered {
    const number = repeated.only ?? this.#next;
    this.#next = repeated.only === undefined ? number + 1 : this.#plan.requests;
    return { number, request: fuzzRequest(this.#plan.seed, number, this.#world) };
  }

  async #readAnswers(connection: WireConnection, waiting: readonly Numbered[]) {
    for (const [answered, { number, request }] of waiting.entries()) {
      const what = `request ${number}`;
      try {
        const answer = await connection.read(request.method);
        if (answer === undefined) throw new WireError("closed without an answer");
        this.#check(what, request, answer);
        if (answer.last) return { answered: answered + 1, open: false };
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
        const why = `${error.message} ${String(error.cause ?? "")}`;
        this.#fail(what, encodeRequest(request), [why]);
        return { answered: answered + 1, open: false };
      }
    }
    return { answered: waiting.length, open: true };
  }

  #check(what: string, request: WireRequest, answer: WireAnswer): void {
    this.#count(answer);
    const problems = problemsOf(request, answer);
    if (problems.length > 0) this.#fail(what, encodeRequest(request), problems, answer);
    const location = answer.headers.get("location")?.[0];
    if (answer.status !== 202 || !location?.includes("/uploads/")) return;
    this.#world.sessions[this.#renewed % sessionsKnown] = location;
    this.#renewed += 1;
  }

  #count({ status }: WireAnswer): void {
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
  }

  #fail(what: string, sent: Buffer, problems: readonly string[], answer?: WireAnswer): void {
    const shown = sent.toString("latin1", 0, 1500);
    const answered = answer && `${answer.status} ${answer.body.toString("latin1", 0, 600)}`;
    this.failures.push(
      [
        `seed ${this.#plan.seed}, ${what}: ${problems.join("; ")}`,
        `sent ${JSON.stringify(shown)}`,
        `answered ${answered ?? "nothing"}`,
      ].join("\n  "),
    );
  }
}
