/** How long each test file takes, so that all of them can be kept within their time. */
import type { EventEmitter } from "node:events";

const worthNaming = 20;
const named = 12;

interface Ended {
  readonly nesting: number;
  readonly file?: string;
  readonly details: { readonly duration_ms: number };
}

/** @returns by file, whole seconds of what stands at its top level; grows as tests end */
export function secondsByFile(events: EventEmitter): ReadonlyMap<string, number> {
  const took = new Map<string, number>();
  // The order of events says nothing: those of a file come together, when the ones before it ended.
  const hear = ({ nesting, file, details }: Ended): void => {
    if (nesting > 0 || file === undefined) return;
    took.set(file, (took.get(file) ?? 0) + Math.round(details.duration_ms / 1000));
  };
  for (const event of ["test:pass", "test:fail"]) events.on(event, hear);
  return took;
}

/** Longest first; only those that are worth a look. */
export function slowest(seconds: ReadonlyMap<string, number>): [file: string, seconds: number][] {
  return [...seconds]
    .filter(([, took]) => took >= worthNaming)
    .sort(([, left], [, right]) => right - left)
    .slice(0, named);
}
