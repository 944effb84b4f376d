/** What this process remembers of documents, and who keeps that true. */
import cluster from "node:cluster";
import type { Coherence } from "../registry/registry.ts";
import { DocumentCache } from "../storage/document-cache.ts";
import { type DocumentChanges, together } from "../storage/document-changes.ts";
import { type ChangeHub, type HubMessage, isCacheMessage, systemMs } from "./change-hub.ts";
import { Siblings } from "./siblings.ts";
import type { Storage } from "./storage.ts";

/** Workers count from 1. */
const parentId = 0;

/** How long a change may go unnoticed that was not made through this server. */
interface Ages {
  readonly maxAgeMs: number;
  /** Of content that never changes. */
  readonly lastingAgeMs: number;
}

/** Less than the two seconds that are promised, as an answer takes time, too. */
const distantAges: Ages = { maxAgeMs: 1500, lastingAgeMs: 60_000 };
/** A directory has one server, see owner-lock.ts: nobody else changes it. */
const ownAges: Ages = {
  maxAgeMs: Number.POSITIVE_INFINITY,
  lastingAgeMs: Number.POSITIVE_INFINITY,
};

/** In a bucket also writes of this server may land after it has given up on them. */
export function openCoherence({
  distant,
  memories = [],
}: Pick<Storage, "distant" | "memories">): Coherence {
  const cache = new DocumentCache({ ...(distant ? distantAges : ownAges), clock: systemMs });
  const memory = together([cache, ...memories]);
  if (!cluster.isWorker) {
    memory.trustUntil(Number.POSITIVE_INFINITY);
    return { cache, changes: { begin: async (key) => memory.close(key) } };
  }
  const siblings = new Siblings(memory, (message) => {
    // Without a parent this process ends, and until then nobody hears of it.
    process.send?.(message, undefined, undefined, () => undefined);
  });
  process.on("message", (message) => {
    if (isCacheMessage(message)) siblings.receive(message as HubMessage);
  });
  return { cache, changes: siblings };
}

/** For the parent itself, which remembers nothing, and tells its workers what it changes. */
export function changesOfParent(hub: ChangeHub): DocumentChanges {
  const cache = new DocumentCache({ maxAgeMs: 0, clock: systemMs });
  const siblings = new Siblings(cache, (message) => {
    hub.receive(parentId, message, (answer) => queueMicrotask(() => siblings.receive(answer)));
  });
  return siblings;
}
