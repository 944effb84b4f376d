/** Kills a server again and again under load, and looks at all that it acknowledged after each start. */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { type Random, random } from "../../random.ts";
import { CrashClient } from "./client.ts";
import { Connection } from "./connection.ts";
import type { KillableServer } from "./killable-server.ts";

/** A life ends when clients have done so many steps, and a moment later. */
const longestLife = 24;
const longestMomentMs = 30;
/** One start of so many is killed before it is done. */
const killedStarts = 8;

export interface CrashOptions {
  readonly kills: number;
  readonly seed: number;
  readonly ca: string;
  /** Requests at the same time. */
  readonly clients: number;
  /** Some layers are so large that a bucket takes them in parts. */
  readonly largeBlobs?: boolean;
  start(): KillableServer;
}

export interface CrashFigures {
  kills: number;
  killedStarts: number;
  /** Steps of clients. */
  acknowledged: number;
  /** Manifests that were pulled whole after starts. */
  pulled: number;
  /** Of late. */
  startMs: number;
}

/** @returns what was done; the last server is still running, and stopped in an orderly way */
export async function crashAgainAndAgain(options: CrashOptions): Promise<CrashFigures> {
  const chance = random(options.seed);
  const clients = Array.from(
    { length: options.clients },
    (_, number) =>
      new CrashClient(number, random(options.seed * 1000 + number), options.largeBlobs),
  );
  const figures = { kills: 0, killedStarts: 0, acknowledged: 0, pulled: 0, startMs: 500 };
  while (figures.kills < options.kills) {
    if (chance.integer(1, killedStarts) === 1) {
      await killStart(options, chance, figures.startMs);
      figures.killedStarts += 1;
    } else {
      const life = await oneLife(options, chance, clients);
      figures.pulled += life.pulled;
      figures.startMs = (figures.startMs + life.startMs) / 2;
    }
    figures.kills += 1;
  }
  const last = options.start();
  const connection = new Connection(await last.ready(), options.ca);
  figures.pulled += await verifyAll(clients, connection);
  await connection.close();
  assert.equal((await last.stop()).code, 0, last.log);
  figures.acknowledged = clients.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  return figures;
}

/** @param usualMs how long a start takes here */
async function killStart({ start }: CrashOptions, chance: Random, usualMs: number): Promise<void> {
  const server = start();
  await pause(chance.integer(0, Math.ceil(usualMs)));
  await server.kill();
}

async function oneLife(
  { start, ca }: CrashOptions,
  chance: Random,
  clients: readonly CrashClient[],
): Promise<{ pulled: number; startMs: number }> {
  const begin = performance.now();
  const server = start();
  const connection = new Connection(await server.ready(), ca);
  const startMs = performance.now() - begin;
  try {
    const pulled = await verifyAll(clients, connection);
    const load = workUntil(chance.integer(1, longestLife), clients, connection);
    // A mistake of the server ends the life at once; who is left working stops with the kill.
    await Promise.race([load.ended, load.enough]);
    await pause(chance.integer(0, longestMomentMs));
    connection.expectKill();
    await server.kill();
    await load.ended;
    return { pulled, startMs };
  } catch (error) {
    connection.expectKill();
    await server.kill().catch(() => undefined); // the first failure is the one to report
    throw error;
  } finally {
    await connection.close();
  }
}

interface Load {
  /** All clients together have done so many steps. */
  readonly enough: Promise<void>;
  /** All have noticed that the server was killed. */
  readonly ended: Promise<unknown>;
}

function workUntil(steps: number, clients: readonly CrashClient[], connection: Connection): Load {
  let done = 0;
  let tell: () => void = () => undefined;
  const enough = new Promise<void>((resolve) => {
    tell = () => {
      done += 1;
      if (done >= steps) resolve();
    };
  });
  return { enough, ended: Promise.all(clients.map((client) => client.work(connection, tell))) };
}

async function verifyAll(clients: readonly CrashClient[], connection: Connection): Promise<number> {
  const pulled = await Promise.all(clients.map((client) => client.verify(connection)));
  return pulled.reduce((sum, count) => sum + count, 0);
}
