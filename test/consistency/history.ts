/**
 * What clients did to one name, and whether a registry with several instances may answer like that.
 *
 * Writes of a name take effect one after the other, each between its start and its answer; one without
 * an answer takes effect at any later time, or never. Reads may be late by a bounded time when they
 * find something, and not at all when they find nothing, or ask an instance about what it was told
 * itself. All times are of one clock. Checking n events takes n log n steps.
 */
import { GreatestBefore } from "./greatest-before.ts";

/** What a name stands for; undefined for nothing. */
export type Value = string | undefined;

export interface Write {
  readonly value: Value;
  readonly startMs: number;
  /** Undefined when no answer came: it happened, or happens later, or never. */
  readonly endMs?: number;
  /** What the name stood for when it was written, for a write with that condition. */
  readonly expected?: Value;
  /** The instance that was asked, where that is known. */
  readonly at?: number;
}

export interface Read {
  readonly value: Value;
  readonly startMs: number;
  readonly endMs: number;
  /** The instance that was asked, where that is known. */
  readonly at?: number;
  /** Whether it may be late although it finds nothing. */
  readonly mayBeLate?: boolean;
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
    const last = begunBefore(this.#writes)(never);
    const writes = [beginning, ...this.#writes];
    return [...new Set(writes.filter((write) => end(write) >= last).map(({ value }) => value))];
  }

  /**
   * @param staleMs how late a read may be that finds something
   * @returns what no such registry would answer, in words; empty when all is well
   */
  faults(staleMs: number): string[] {
    const sources = sourcesOf([beginning, ...this.#writes]);
    const begun = begunBefore(this.#writes);
    const byInstance = groupedBy(this.#writes, ({ at }) => at);
    const begunAt = new Map(
      [...byInstance].map(([at, writes]) => [at, begunBefore(writes)] as const),
    );
    const faultOf = (read: Read): string[] => {
      const { value, startMs, endMs, at, mayBeLate = value !== undefined } = read;
      const said = `${value ?? "nothing"} at ${Math.round(startMs)}`;
      const ended = sources(value, endMs);
      if (ended === undefined) return [`${said} was never written`];
      const late = mayBeLate ? staleMs : 0;
      if (begun(startMs - late) > ended) {
        return [`${said} had been replaced more than ${late} ms before`];
      }
      const own = at === undefined ? undefined : begunAt.get(at);
      if (own === undefined || own(startMs) <= ended) return [];
      return [`${said} had been replaced by instance ${at}, which says so itself`];
    };
    return [...this.#reads.flatMap(faultOf), ...this.#sharedExpectations()];
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
const always = Number.NEGATIVE_INFINITY;
/** Before all writes there is nothing. */
const beginning: Write = { value: undefined, startMs: always, endMs: always };

function end({ endMs }: Write): number {
  return endMs ?? never;
}

/**
 * When the last write began, of those that were acknowledged before a time. What was over before that
 * has been replaced by then.
 */
function begunBefore(writes: readonly Write[]): (timeMs: number) => number {
  const acknowledged = writes.filter(({ endMs }) => endMs !== undefined);
  const greatest = new GreatestBefore(
    acknowledged.map((write) => ({ at: end(write), value: write.startMs })),
  );
  return (timeMs) => greatest.before(timeMs) ?? always;
}

/** The last end of all writes of a value that had begun before a time; undefined when there are none. */
function sourcesOf(writes: readonly Write[]) {
  const ends = new Map(
    [...groupedBy(writes, ({ value }) => value)].map(([value, same]) => [
      value,
      new GreatestBefore(same.map((write) => ({ at: write.startMs, value: end(write) }))),
    ]),
  );
  return (value: Value, timeMs: number): number | undefined => ends.get(value)?.before(timeMs);
}

function groupedBy<K>(writes: readonly Write[], keyOf: (write: Write) => K): Map<K, Write[]> {
  const groups = new Map<K, Write[]>();
  for (const write of writes) {
    const group = groups.get(keyOf(write));
    if (group) group.push(write);
    else groups.set(keyOf(write), [write]);
  }
  return groups;
}
