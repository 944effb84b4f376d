/** What this process remembers of documents, and who keeps that true. */
import cluster from "node:cluster";
import type { Coherence } from "../registry/registry.ts";
import { DocumentCache } from "../storage/document-cache.ts";
import { type HubMessage, isCacheMessage, systemMs } from "./change-hub.ts";
import { Siblings } from "./siblings.ts";

/**
 * @param maxAgeMs how long a change made by another instance may go unnoticed; Infinity when the
 *                 store belongs to this server alone
 */
export function openCoherence(maxAgeMs: number): Coherence {
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
