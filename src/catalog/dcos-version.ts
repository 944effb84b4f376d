/**
 * DC/OS release versions, by which a repository decides what a cluster may see.
 *
 * Compared number by number, missing ones being zero; a suffix such as `-beta` does not count.
 */

export type DcosVersion = readonly number[];

const grammar = /^\d+(?:\.\d+)*/;
const comparedNumbers = 8;

/** @returns `undefined` when `text` does not start with a number */
export function parseDcosVersion(text: string): DcosVersion | undefined {
  const numbers = grammar.exec(text)?.[0].split(".").slice(0, comparedNumbers).map(Number);
  while (numbers?.at(-1) === 0) numbers.pop();
  return numbers;
}

/** Negative, zero or positive, as `Array.sort` wants it. */
export function compareDcosVersions(left: DcosVersion, right: DcosVersion): number {
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const [a, b] = [left[at] ?? 0, right[at] ?? 0];
    if (a !== b) return a < b ? -1 : 1;
  }
  return 0;
}
