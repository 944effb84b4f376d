/**
 * The document that says how many bytes are stored: for all processes that write, and for the next
 * start.
 *
 * `written` only tells what came and went since it was made; a count of all objects says what it means.
 * A count takes a while, so it notes where `written` stood when it began: what is told later comes on
 * top, and is at worst counted twice until the next count.
 */
import type { Documents } from "../../storage/documents.ts";
import { layout } from "../layout.ts";

export interface Usage {
  /** Bytes that writers have told of so far, less what they took back. */
  readonly written: number;
  /** The last count that has begun, and `written` at that moment. */
  readonly count: { readonly number: number; readonly at: number };
  /** The last count that has ended. */
  readonly counted?: { readonly number: number; readonly at: number; readonly bytes: number };
}

const fresh: Usage = { written: 0, count: { number: 0, at: 0 } };

/** As far as it is known; before the first count only what was written since. */
export function usedBytes({ written, counted }: Usage): number {
  return Math.max(0, (counted?.bytes ?? 0) + written - (counted?.at ?? 0));
}

export class UsageJournal {
  readonly #documents: Documents;

  constructor(documents: Documents) {
    this.#documents = documents;
  }

  async read(): Promise<Usage> {
    return (await this.#documents.readOver<Usage>(layout.usage, fresh))?.value ?? fresh;
  }

  /** @param bytes called with the state that is changed, perhaps several times; may be negative */
  add(bytes: (usage: Usage) => number): Promise<Usage> {
    return this.#change((usage) => ({ ...usage, written: usage.written + bytes(usage) }));
  }

  async beginCount(): Promise<Usage["count"]> {
    const { count } = await this.#change(({ count: last, ...usage }) => ({
      ...usage,
      count: { number: last.number + 1, at: usage.written },
    }));
    return count;
  }

  /** A count that began before one that has ended already says nothing new. */
  async endCount(count: Usage["count"], bytes: number): Promise<void> {
    await this.#change((usage) => {
      const late = count.number <= (usage.counted?.number ?? 0);
      // Behind damage the document began anew, and `at` is of another one.
      const foreign = count.number > usage.count.number;
      return late || foreign ? undefined : { ...usage, counted: { ...count, bytes } };
    });
  }

  async #change(change: (usage: Usage) => Usage | undefined): Promise<Usage> {
    const changed = await this.#documents.update<Usage>(
      layout.usage,
      (usage = fresh) => change(usage),
      fresh, // the next count makes up for it
    );
    return changed?.value ?? fresh;
  }
}
