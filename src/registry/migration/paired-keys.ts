/** The keys that either of two stores has, in order, with one page of each in memory. */
import type { ObjectStore } from "../../storage/object-store.ts";

export interface WalkedKeys {
  /** Ends with `/`, or is empty for everything. */
  readonly prefix: string;
  /** Top segments that are passed over without listing them. */
  readonly without?: ReadonlySet<string>;
}

const batch = 1000;

/** In batches; each key once. */
export async function* pairedKeys(
  one: ObjectStore,
  other: ObjectStore,
  walked: WalkedKeys,
): AsyncGenerator<string[]> {
  const left = keysOf(one, walked);
  const right = keysOf(other, walked);
  let [first, second] = await Promise.all([left.next(), right.next()]);
  let keys: string[] = [];
  while (!first.done || !second.done) {
    const key = smaller(first.value, second.value);
    if (keys.push(key) === batch) {
      yield keys;
      keys = [];
    }
    if (first.value === key) first = await left.next();
    if (second.value === key) second = await right.next();
  }
  yield keys;
}

async function* keysOf(
  store: ObjectStore,
  { prefix, without = new Set() }: WalkedKeys,
): AsyncGenerator<string, undefined> {
  let after = "";
  for (let more = true; more; ) {
    const page = await store.list(prefix, { after });
    more = page.more;
    after = page.keys.at(-1) ?? after;
    for (const key of page.keys) {
      const top = key.slice(0, key.indexOf("/"));
      if (without.has(top)) {
        after = `${top}0`; // the character behind `/`: in front of whatever comes next
        more = true;
        break;
      }
      yield key;
    }
  }
  return undefined;
}

/** At least one of them is there. */
function smaller(one: string | undefined, other: string | undefined): string {
  if (one === undefined || other === undefined) return one ?? other ?? "";
  return one < other ? one : other;
}
