/** How long each test file takes, so that all of them can be kept within their time. */
import type { EventEmitter } from "node:events";

const worthNaming = 20;
const named = 12;

/** @returns by file, whole seconds between the first and the last that was heard of it; grows as tests end */
export function secondsByFile(events: EventEmitter): ReadonlyMap<string, number> {
  const begun = new Map<string, number>();
  const took = new Map<string, number>();
  const hear = ({ file }: { file?: string }): void => {
    if (file === undefined) return;
    const start = begun.get(file) ?? Date.now();
    begun.set(file, start);
    took.set(file, Math.round((Date.now() - start) / 1000));
  };
  for (const event of ["test:dequeue", "test:pass", "test:fail"]) events.on(event, hear);
  return took;
}

/** Longest first; only those that are worth a look. */
export function slowest(seconds: ReadonlyMap<string, number>): [file: string, seconds: number][] {
  return [...seconds]
    .filter(([, took]) => took >= worthNaming)
    .sort(([, left], [, right]) => right - left)
    .slice(0, named);
}
