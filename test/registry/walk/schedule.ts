/**
 * Carries out the requests of all actors one by one, in a random order, some of them badly.
 *
 * An answer may be lost, a request may never arrive, or arrive long after its actor has given up; an
 * actor may stall for long at any request.
 */
import { setImmediate } from "node:timers/promises";
import type { Random } from "../../random.ts";
import type { HeldRequest } from "../../storage/scripted-store.ts";

interface Waiting {
  readonly request: HeldRequest;
  /** The step before which it is not looked at. */
  readonly from: number;
}

interface Weather {
  /** Of a thousand requests, so many of each kind go wrong. */
  readonly faults: number;
  /** Of a thousand requests, so many stall for very long. */
  readonly longStalls: number;
}

/** Each walk has one of these all the way. */
const weathers: readonly Weather[] = [
  { faults: 10, longStalls: 5 },
  { faults: 40, longStalls: 10 },
  { faults: 60, longStalls: 30 },
];

const reading = new Set(["load", "stat", "list", "read", "stage"]);

export class Schedule {
  readonly #random: Random;
  readonly #weather: Weather;
  readonly #late: (() => Promise<unknown>)[] = [];
  #waiting: Waiting[] = [];
  #steps = 0;
  #wake: () => void = () => undefined;

  constructor(random: Random) {
    this.#random = random;
    this.#weather = random.pick(weathers);
  }

  get steps(): number {
    return this.#steps;
  }

  readonly add = (request: HeldRequest): void => {
    const from = this.#steps + this.#random.integer(0, this.#stall());
    this.#waiting.push({ request, from });
    this.#wake();
  };

  /** @param check looked at between requests, now and then */
  async run(actors: Promise<unknown>, check: () => Promise<void>): Promise<void> {
    let over = false;
    const ended = actors.finally(() => {
      over = true;
      this.#wake();
    });
    while (!over) {
      if (this.#waiting.length === 0) await this.#arrival();
      else await this.#step();
      if (this.#steps % 25 === 0) await check();
    }
    await ended;
    for (const land of this.#late.splice(0)) if (this.#chance(50)) await land();
    await check();
  }

  /** The longest that a request stalls, in steps: now and then for several cycles of a collector. */
  #stall(): number {
    const dice = this.#random.integer(1, 1000);
    if (dice <= this.#weather.longStalls) return 4000;
    return dice <= 100 ? 300 : 0;
  }

  async #step(): Promise<void> {
    this.#steps += 1;
    const ready = this.#waiting.filter(({ from }) => from <= this.#steps);
    const next = this.#random.pick(ready.length > 0 ? ready : this.#waiting);
    this.#waiting = this.#waiting.filter((one) => one !== next);
    await this.#decide(next.request);
    if (this.#late.length > 0 && this.#chance(5)) await this.#landOne();
    await setImmediate(); // the actor sends its next request
  }

  async #decide(request: HeldRequest): Promise<void> {
    const fate = this.#random.integer(1, 1000);
    const { faults } = this.#weather;
    if (fate > 3 * faults) await request.proceed();
    else if (fate > 2 * faults) await request.drop();
    else if (reading.has(request.method)) await request.proceed();
    else if (fate > faults) await request.loseAnswer();
    else this.#late.push(await request.delay());
  }

  async #landOne(): Promise<void> {
    const [land] = this.#late.splice(this.#random.integer(0, this.#late.length - 1), 1);
    await land?.();
  }

  #chance(percent: number): boolean {
    return this.#random.integer(1, 100) <= percent;
  }

  #arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
