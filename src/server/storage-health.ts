/** What `/health` says about the storage. For everybody to read: no paths, no addresses. */
import type { HealthCheck } from "../http/health-routes.ts";
import type { FreezableStore } from "../registry/migration/freezable-store.ts";
import { isFrozen } from "../registry/migration/move-state.ts";
import type { DiskRoom, DiskState } from "../storage/disk-room.ts";

const messages: Readonly<Record<DiskState["level"], string>> = {
  enough: "There is room for pushes and additions.",
  low: "Little space is left: remove packages or add space, or pushes and additions will be refused.",
  full: "The free-space floor is reached: pushes and additions are refused; remove packages or add space.",
};

/** The figures are in the metrics. */
export function spaceCheck(room: DiskRoom): HealthCheck {
  return {
    name: "storage/space",
    run: async () => {
      const { level } = await room.state();
      return { healthy: level === "enough", message: messages[level] };
    },
  };
}

export function writesCheck(store: FreezableStore): HealthCheck {
  return {
    name: "storage/writes",
    run: async () => {
      const moving = await store.moving();
      if (!isFrozen(moving)) return { healthy: true, message: "The storage takes writes." };
      const state =
        moving?.state === "moved" ? "was moved: restart with the new one" : "is being moved";
      return { healthy: false, message: `Writes are refused: the storage ${state}.` };
    },
  };
}
