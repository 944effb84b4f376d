/**
 * How many bytes are stored, as one process knows it: the last count, what all processes have told
 * since, and its own writes at once.
 *
 * Own writes are told to the others within a second, also in the middle of an upload. A count lists no
 * upload that is under way, so what it cannot have seen is told again when that ends. Errs by what
 * other processes wrote in the last seconds; otherwise it tells too much rather than too little.
 */
import { type Usage, type UsageJournal, usedBytes } from "./usage-journal.ts";

const freshMs = 1000;

/** Data on its way in. */
interface GrowingData {
  bytes: number;
  /** Told to the journal. */
  told: number;
  /** Told before the last count began, which lists no data that is not whole yet. */
  unseen: number;
  end?: "committed" | "aborted";
}

export interface GrowingBytes {
  add(bytes: number): void;
  commit(): void;
  /** After a commit nothing happens. */
  abort(): void;
}

export interface UsageMeterOptions {
  /** Monotonic milliseconds. */
  readonly clock?: () => number;
  /** Told why the others could not be told; it is tried again with the next write. */
  readonly onFailure?: (error: unknown) => void;
}

export class UsageMeter {
  readonly #journal: UsageJournal;
  readonly #clock: () => number;
  readonly #onFailure: (error: unknown) => void;
  readonly #growing = new Set<GrowingData>();
  #known: Usage | undefined;
  /** When it was asked for, which may have failed. */
  #askedAt = Number.NEGATIVE_INFINITY;
  #knownAt = Number.NEGATIVE_INFINITY;
  /** Not told yet. */
  #added = 0;
  #removed = 0;
  #telling: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    journal: UsageJournal,
    { clock = () => performance.now(), onFailure = () => undefined }: UsageMeterOptions = {},
  ) {
    this.#journal = journal;
    this.#clock = clock;
    this.#onFailure = onFailure;
  }

  /** Bytes, as far as is known without asking. */
  get used(): number {
    const own = this.#added - this.#removed + correction(this.#growing, false);
    return Math.max(0, (this.#known ? usedBytes(this.#known) : 0) + own);
  }

  /** Whether everything was counted once; before that `used` is what was written since. */
  get counted(): boolean {
    return this.#known?.counted !== undefined;
  }

  /** Names the count that what is written now comes behind, as far as is known. */
  get count(): number {
    return this.#known?.count.number ?? 0;
  }

  /** Asks when what is known is older than a second. @throws {StoreUnavailable} */
  async refresh(): Promise<void> {
    if (this.#clock() - this.#knownAt >= freshMs) await this.#tell();
  }

  /** Does the same without being waited for, and without asking all the time when nobody answers. */
  refreshLater(): void {
    if (this.#clock() - this.#askedAt >= freshMs) this.refresh().catch(this.#onFailure);
  }

  add(bytes: number): void {
    this.#added += bytes;
    this.#tellSoon();
  }

  remove(bytes: number): void {
    this.#removed += bytes;
    this.#tellSoon();
  }

  grow(): GrowingBytes {
    const data: GrowingData = { bytes: 0, told: 0, unseen: 0 };
    this.#growing.add(data);
    const end = (how: "committed" | "aborted"): void => {
      if (data.end) return;
      data.end = how;
      this.#tellSoon();
    };
    return {
      add: (bytes) => {
        data.bytes += bytes;
        this.add(bytes);
      },
      commit: () => end("committed"),
      abort: () => end("aborted"),
    };
  }

  /** Tells what is left, for the others to know it when this process is gone. */
  async end(): Promise<void> {
    await this.#telling?.catch(() => undefined); // told to onFailure
    if (this.#isBehind()) await this.#tell().catch(this.#onFailure);
    clearTimeout(this.#timer);
  }

  #tellSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#tell().catch(this.#onFailure);
    }, freshMs).unref();
  }

  #tell(): Promise<void> {
    this.#telling ??= this.#exchange().finally(() => {
      this.#telling = undefined;
    });
    return this.#telling;
  }

  async #exchange(): Promise<void> {
    this.#askedAt = this.#clock();
    const [added, removed] = [this.#added, this.#removed];
    const growing = [...this.#growing].map((data) => ({ data, ...data }));
    const usage = this.#isBehind()
      ? await this.#journal.add((found) => {
          const newCount = this.#isNewCount(found);
          // The count may have come behind what was removed.
          return added - (newCount ? 0 : removed) + correction(growing, newCount);
        })
      : await this.#journal.read();
    const newCount = this.#isNewCount(usage);
    for (const { data, bytes, told, end } of growing) {
      if (newCount) data.unseen = told;
      data.told = bytes;
      if (end) this.#growing.delete(data);
    }
    this.#added -= added;
    this.#removed -= removed;
    this.#known = usage;
    this.#knownAt = this.#clock();
  }

  #isBehind(): boolean {
    const ended = [...this.#growing].some(({ end }) => end);
    return this.#added !== 0 || this.#removed !== 0 || ended;
  }

  #isNewCount({ count }: Usage): boolean {
    return this.#known !== undefined && count.number !== this.#known.count.number;
  }
}

/**
 * What has to be added for data that has ended: of the committed what the count has not seen, of the
 * aborted all but that, with the opposite sign.
 */
function correction(growing: Iterable<GrowingData>, newCount: boolean): number {
  let bytes = 0;
  for (const { end, unseen, told, bytes: all } of growing) {
    const missed = newCount ? told : unseen;
    if (end === "committed") bytes += missed;
    if (end === "aborted") bytes -= all - missed;
  }
  return bytes;
}
