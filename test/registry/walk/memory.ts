/** What the instances of a walk remember, and who knows at once what another has written. */
import type { Coherence } from "../../../src/registry/registry.ts";
import { DocumentCache } from "../../../src/storage/document-cache.ts";
import type { DocumentChanges } from "../../../src/storage/document-changes.ts";

export type Memory = "none" | "of one server" | "of several instances";

/** In steps of the schedule: other instances notice a change so late. */
const maxAge = 60;

const maxAges: Readonly<Record<Memory, number>> = {
  none: 0,
  "of one server": Number.POSITIVE_INFINITY,
  "of several instances": maxAge,
};

export interface Remembering {
  readonly coherence: readonly Coherence[];
  /** Of the server that the collectors are part of. */
  readonly changes?: DocumentChanges;
}

/** @param clock counts steps */
export function remember(memory: Memory, instances: number, clock: () => number): Remembering {
  const caches = Array.from(
    { length: instances },
    () => new DocumentCache({ maxAgeMs: maxAges[memory], clock }),
  );
  if (memory !== "of one server") {
    return { coherence: caches.map((cache) => ({ cache, changes: cache })) };
  }
  const changes: DocumentChanges = {
    begin: async (key) => {
      const open = caches.map((one) => one.close(key));
      return () => {
        for (const one of open) one();
      };
    },
  };
  return { coherence: caches.map((cache) => ({ cache, changes })), changes };
}
