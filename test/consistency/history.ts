/**
 * What clients did to one name, and whether a registry with several instances may answer like that.
 *
 * Writes of a name take effect one after the other, each between its start and its answer; one without
 * an answer takes effect at any later time, or never. Reads may be late by a bounded time when they
 * find something, and not at all when they find nothing. All times are of one clock.
 */

/** What a name stands for; undefined for nothing. No two writes write the same. */
export type Value = string | undefined;

export interface Write {
  readonly value: Value;
  readonly startMs: number;
  /** Undefined when no answer came: it happened, or happens later, or never. */
  readonly endMs?: number;
  /** What the name stood for when it was written, for a write with that condition. */
  readonly expected?: Value;
}

export interface Read {
  readonly value: Value;
  readonly startMs: number;
  readonly endMs: number;
}

export class History {
  readonly #writes: Write[] = [];
  readonly #reads: Read[] = [];

  write(write: Write): void {
    this.#writes.push(write);
  }

  read(read: Read): void {
    this.#reads.push(read);
  }

  /** What was written, and every value that it may still stand for when all is quiet. */
  get possible(): Value[] {
    const writes: Write[] = [beginning, ...this.#writes];
    return writes
      .filter((write) => !writes.some((other) => follows(other, write)))
      .map(({ value }) => value);
  }

  /**
   * @param staleMs how late a read may be that finds something
   * @returns what no such registry would answer, in words; empty when all is well
   */
  faults(staleMs: number): string[] {
    return [
      ...this.#reads.flatMap((read) => this.#faultOf(read, staleMs)),
      ...this.#sharedExpectations(),
    ];
  }

  #faultOf(read: Read, staleMs: number): string[] {
    const sources = this.#sources(read);
    const said = `${read.value ?? "nothing"} at ${Math.round(read.startMs)}`;
    if (sources.length === 0) return [`${said} was never written`];
    const late = read.value === undefined ? 0 : staleMs;
    const over = sources.every((source) =>
      this.#writes.some(
        (write) => follows(write, source) && (write.endMs ?? never) < read.startMs - late,
      ),
    );
    return over ? [`${said} had been replaced more than ${late} ms before`] : [];
  }

  /** Writes that a read may have seen. Deletions have no name, so there may be several. */
  #sources({ value, endMs }: Read): Write[] {
    const begun = this.#writes.filter((write) => write.value === value && write.startMs < endMs);
    return value === undefined ? [beginning, ...begun] : begun;
  }

  /** Two writes that were accepted for the same state: one has not seen the other. */
  #sharedExpectations(): string[] {
    const seen = new Map<Value, Value>();
    const faults: string[] = [];
    for (const write of this.#writes) {
      if (!("expected" in write) || write.endMs === undefined || write.expected === undefined)
        continue;
      const other = seen.get(write.expected);
      if (other !== undefined)
        faults.push(`${other} and ${write.value} both replaced ${write.expected}`);
      seen.set(write.expected, write.value);
    }
    return faults;
  }
}

const never = Number.POSITIVE_INFINITY;
/** Before all writes there is nothing. */
const beginning: Write = {
  value: undefined,
  startMs: Number.NEGATIVE_INFINITY,
  endMs: Number.NEGATIVE_INFINITY,
};

/** Whether a write was acknowledged, and began only when the other one was over. */
function follows(write: Write, before: Write): boolean {
  return write.endMs !== undefined && write.startMs > (before.endMs ?? never);
}
