/** What `/health` says about garbage collection. For everybody to read: no keys, no paths. */
import type { HealthCheck } from "../http/health-routes.ts";
import type {
  CollectorStatus,
  GarbageCollection,
} from "../registry/collector/garbage-collection.ts";

/** Unhealthy when the last cycle could not come to its end: nothing is freed then. */
export function collectionCheck(collection: GarbageCollection): HealthCheck {
  return {
    name: "garbage-collection",
    run: async () => {
      const status = await collection.status();
      const failed = status.last?.error !== undefined;
      return { healthy: !failed, message: messageOf(status, failed) };
    },
  };
}

function messageOf({ state, reason, cycles }: CollectorStatus, failed: boolean): string {
  if (state === "off") return `Off: ${reason}.`;
  if (failed) return "The last cycle did not come to its end and freed nothing; the log says why.";
  return `${state === "running" ? "Running" : "Waiting"}; ${cycles} cycle(s) since the start.`;
}
