/** What this process remembers of documents, and who keeps that true. */
import cluster from "node:cluster";
import type { Coherence } from "../registry/registry.ts";
import { DocumentCache } from "../storage/document-cache.ts";
import type { DocumentChanges } from "../storage/document-changes.ts";
import { type ChangeHub, type HubMessage, isCacheMessage, systemMs } from "./change-hub.ts";
import { Siblings } from "./siblings.ts";

/** Workers count from 1. */
const parentId = 0;
/** How old a state may be that another instance has replaced, within the two seconds that are promised. */
const sharedAgeMs = 1500;

/** @param shared whether other servers may change the storage, too */
export function openCoherence({ shared }: { readonly shared: boolean }): Coherence {
  const maxAgeMs = shared ? sharedAgeMs : Number.POSITIVE_INFINITY;
  const cache = new DocumentCache({ maxAgeMs, clock: systemMs });
  if (!cluster.isWorker) return { cache, changes: cache };
  const siblings = new Siblings(cache, (message) => {
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
