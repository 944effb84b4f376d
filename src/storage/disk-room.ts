/**
 * Room on the disk of a directory: blocks and inodes above a floor that writers leave free.
 *
 * The system is asked at most once a second, however many ask here, so between two answers writers
 * can go below the floor by what they write in that time; the floor is there to be used up by them.
 */
import { statfs } from "node:fs/promises";
import type { Room } from "./room.ts";
import { StoreFull } from "./store-error.ts";

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;
const freshMs = 1000;
/** Inodes that writers leave free, and the part of all that is never more than. */
const floorFiles = 1000;

export interface DiskSpace {
  /** Bytes that are free for this process. */
  readonly free: number;
  /** Bytes of the whole file system. */
  readonly total: number;
  /** Inodes; 0 where the file system makes them as it needs them. */
  readonly freeFiles: number;
  readonly totalFiles: number;
}

export interface DiskState extends DiskSpace {
  /** Bytes that writers leave free. */
  readonly floor: number;
  /** Low: the floor is near, less than twice its size is free. Full: writers are refused. */
  readonly level: "enough" | "low" | "full";
}

export interface DiskRoomOptions {
  readonly measure: () => Promise<DiskSpace>;
  /** Bytes; without it the size of the disk decides. */
  readonly floor?: number;
  /** Monotonic milliseconds. */
  readonly clock?: () => number;
}

class FloorReached extends StoreFull {
  constructor({ free, floor, freeFiles }: DiskState) {
    super(undefined, "the registry's storage has reached its free-space floor", {
      freeBytes: free,
      floorBytes: floor,
      freeFiles,
    });
  }
}

class DoesNotFit extends StoreFull {
  constructor({ free, floor }: DiskState, bytes: number) {
    const room = Math.max(0, free - floor);
    super(undefined, `the registry's storage has room for ${room} bytes, not for ${bytes}`, {
      announcedBytes: bytes,
      freeBytes: free,
      floorBytes: floor,
    });
  }
}

export class DiskRoom implements Room {
  readonly #options: DiskRoomOptions;
  readonly #clock: () => number;
  #state: DiskState | undefined;
  #measuredAt = Number.NEGATIVE_INFINITY;
  #measuring: Promise<DiskState> | undefined;

  constructor(options: DiskRoomOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
  }

  async require(bytes = 0): Promise<void> {
    const state = await this.state();
    if (state.level === "full") throw new FloorReached(state);
    if (bytes > state.free - state.floor) throw new DoesNotFit(state, bytes);
  }

  refusal(): StoreFull | undefined {
    if (!this.#fresh) this.#measure().catch(() => undefined); // whoever needs the answer asks again
    return this.#state?.level === "full" ? new FloorReached(this.#state) : undefined;
  }

  /** At most a second old. */
  async state(): Promise<DiskState> {
    return this.#fresh && this.#state ? this.#state : this.#measure();
  }

  get #fresh(): boolean {
    return this.#clock() - this.#measuredAt < freshMs;
  }

  #measure(): Promise<DiskState> {
    this.#measuring ??= this.#ask().finally(() => {
      this.#measuring = undefined;
    });
    return this.#measuring;
  }

  async #ask(): Promise<DiskState> {
    const space = await this.#options.measure();
    this.#state = judged(space, this.#options.floor ?? defaultFloor(space.total));
    this.#measuredAt = this.#clock();
    return this.#state;
  }
}

/** 2 % of the disk, from 1 to 10 GiB, and never more than a tenth of a small one. */
export function defaultFloor(total: number): number {
  const usual = Math.min(Math.max(total / 50, gibibyte), 10 * gibibyte);
  return Math.floor(Math.min(usual, total / 10));
}

/** @param directory exists; asks for the file system that it lies on */
export async function diskSpaceOf(directory: string): Promise<DiskSpace> {
  const { bsize, bavail, blocks, files, ffree } = await statfs(directory);
  return { free: bavail * bsize, total: blocks * bsize, freeFiles: ffree, totalFiles: files };
}

function judged(space: DiskSpace, floor: number): DiskState {
  const { free, freeFiles, totalFiles } = space;
  const filesFloor = floor === 0 ? 0 : Math.min(floorFiles, totalFiles / 10);
  const within = (times: number): boolean =>
    free < times * floor || (totalFiles > 0 && freeFiles < times * filesFloor);
  return { ...space, floor, level: within(1) ? "full" : within(2) ? "low" : "enough" };
}
