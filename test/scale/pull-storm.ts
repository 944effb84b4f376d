/**
 * Many agents pull one image at the same moment: a simulation in steps of time, the same every run.
 *
 * What is assumed: an agent fetches `parallel` layers at a time, each over a connection that the load
 * balancer gives to any worker of any instance; a worker shares its bytes
 * a second evenly among its readers, up to what each agent takes; each worker fetches a layer from the
 * store once, for all who read it at a time, and nobody gets ahead of that; fetches share the store evenly;
 * agents of a lost instance go on elsewhere from the byte that they have.
 */
import { type Random, random } from "../random.ts";

export interface Storm {
  readonly agents: number;
  /** Bytes of each layer. */
  readonly layers: readonly number[];
  /** Layers that an agent fetches at a time. */
  readonly parallel: number;
  /** Bytes a second that an agent takes. */
  readonly agentRate: number;
  /** Agents begin within so many seconds. */
  readonly within: number;
  readonly instances: number;
  readonly workers: number;
  /** Bytes a second of an instance: of its network or its processors, whatever is less. */
  readonly instanceRate: number;
  /** Bytes a second of the store, for all. */
  readonly storeRate: number;
  /** Whether one fetch serves all readers of a worker. */
  readonly shared: boolean;
  /** The first instance ends then, and does not come back. */
  readonly lossAt?: number;
}

export interface Outcome {
  /** Until the first, the median and the last agent have everything. */
  readonly first: number;
  readonly median: number;
  readonly last: number;
  readonly storeBytes: number;
  readonly storeRequests: number;
  /** The most downloads that any worker had at one time. */
  readonly mostReaders: number;
}

interface Fetch {
  done: number;
  readonly size: number;
  /** It ends with the last of them, and what it has fetched is gone. */
  readers: number;
}

interface Download {
  readonly agent: Agent;
  readonly layer: number;
  done: number;
  worker: Worker;
  fetch: Fetch;
}

interface Agent {
  readonly begins: number;
  readonly waiting: number[];
  active: number;
  left: number;
  ended: number;
}

interface Worker {
  readonly instance: number;
  readonly downloads: Set<Download>;
  readonly fetches: Map<number, Fetch>;
}

const step = 0.05;

export function simulate(storm: Storm, seed = 1): Outcome {
  return new Simulation(storm, seed).run();
}

class Simulation {
  readonly #storm: Storm;
  readonly #pick: Random;
  readonly #agents: readonly Agent[];
  #workers: readonly Worker[];
  #fetching: Fetch[] = [];
  #storeRequests = 0;
  #storeBytes = 0;
  #mostReaders = 0;

  constructor(storm: Storm, seed: number) {
    this.#storm = storm;
    this.#pick = random(seed);
    this.#agents = Array.from({ length: storm.agents }, () => ({
      begins: (this.#pick.integer(0, 1000) / 1000) * storm.within,
      waiting: storm.layers.map((_, layer) => layer),
      active: 0,
      left: storm.layers.length,
      ended: Number.NaN,
    }));
    this.#workers = Array.from({ length: storm.instances * storm.workers }, (_, at) => ({
      instance: Math.floor(at / storm.workers),
      downloads: new Set(),
      fetches: new Map(),
    }));
  }

  run(): Outcome {
    for (let now = 0; this.#agents.some(({ left }) => left > 0); now += step) this.#step(now);
    const ends = this.#agents.map(({ ended }) => ended).sort((left, right) => left - right);
    return {
      first: ends[0] ?? Number.NaN,
      median: ends[Math.floor(ends.length / 2)] ?? Number.NaN,
      last: ends.at(-1) ?? Number.NaN,
      storeBytes: this.#storeBytes,
      storeRequests: this.#storeRequests,
      mostReaders: this.#mostReaders,
    };
  }

  #step(now: number): void {
    const { lossAt = Number.POSITIVE_INFINITY } = this.#storm;
    if (now >= lossAt) this.#lose(0);
    for (const agent of this.#agents) if (agent.begins <= now) this.#begin(agent);
    this.#fetch();
    for (const worker of this.#workers) this.#serve(worker, now + step);
  }

  #begin(agent: Agent): void {
    while (agent.active < this.#storm.parallel) {
      const layer = agent.waiting.shift();
      if (layer === undefined) return;
      agent.active += 1;
      const worker = this.#pick.pick(this.#workers);
      const fetch = this.#fetchOf(worker, layer, 0);
      fetch.readers += 1;
      worker.downloads.add({ agent, layer, done: 0, worker, fetch });
      this.#mostReaders = Math.max(this.#mostReaders, worker.downloads.size);
    }
  }

  #fetchOf(worker: Worker, layer: number, from: number): Fetch {
    const known = this.#storm.shared ? worker.fetches.get(layer) : undefined;
    if (known) return known;
    // A shared fetch is of the whole layer, for whoever comes.
    const done = this.#storm.shared ? 0 : from;
    const fetch = { done, size: this.#storm.layers[layer] ?? 0, readers: 0 };
    worker.fetches.set(layer, fetch);
    this.#fetching.push(fetch);
    this.#storeRequests += 1;
    return fetch;
  }

  /** The store gives each fetch that is not whole its even share. */
  #fetch(): void {
    this.#fetching = this.#fetching.filter(({ done, size, readers }) => done < size && readers > 0);
    const share = (this.#storm.storeRate * step) / Math.max(1, this.#fetching.length);
    for (const fetch of this.#fetching) {
      const bytes = Math.min(share, fetch.size - fetch.done);
      fetch.done += bytes;
      this.#storeBytes += bytes;
    }
  }

  /** Even shares; what one cannot take, the others get. */
  #serve(worker: Worker, now: number): void {
    let rate = (this.#storm.instanceRate / this.#storm.workers) * step;
    let left = worker.downloads.size;
    const takes = [...worker.downloads]
      .map((download) => ({ download, most: this.#mostOf(download) }))
      .sort((one, other) => one.most - other.most);
    for (const { download, most } of takes) {
      const bytes = Math.min(most, rate / left);
      rate -= bytes;
      left -= 1;
      download.done += bytes;
      if (download.done >= download.fetch.size - 1) this.#end(download, now);
    }
  }

  #mostOf({ agent, done, fetch }: Download): number {
    const own = (this.#storm.agentRate * step) / agent.active;
    return Math.max(0, Math.min(own, fetch.done - done));
  }

  #end(download: Download, now: number): void {
    const { agent, worker, layer, fetch } = download;
    worker.downloads.delete(download);
    fetch.readers -= 1;
    if (fetch.readers === 0 && worker.fetches.get(layer) === fetch) worker.fetches.delete(layer);
    agent.active -= 1;
    agent.left -= 1;
    if (agent.left === 0) agent.ended = now;
  }

  /** Nothing is left of it, so this may be said again. */
  #lose(instance: number): void {
    const lost = this.#workers.filter((worker) => worker.instance === instance);
    this.#workers = this.#workers.filter((worker) => worker.instance !== instance);
    for (const download of lost.flatMap(({ downloads }) => [...downloads])) {
      download.fetch.readers -= 1;
      this.#move(download);
    }
  }

  #move(download: Download): void {
    download.worker = this.#pick.pick(this.#workers);
    download.fetch = this.#fetchOf(download.worker, download.layer, download.done);
    download.fetch.readers += 1;
    download.worker.downloads.add(download);
  }
}
