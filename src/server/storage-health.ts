/** What `/health` says about the storage. For everybody to read: no paths, no addresses. */
import type { HealthCheck } from "../http/health-routes.ts";
import type { FreezableStore } from "../registry/migration/freezable-store.ts";
import { isFrozen } from "../registry/migration/move-state.ts";
import type { Quota, QuotaState } from "../registry/usage/quota.ts";
import type { DiskRoom, DiskState } from "../storage/disk-room.ts";
import type { StorageFormat } from "../storage/format.ts";

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

const quotaMessages: Readonly<Record<QuotaState["level"], string>> = {
  enough: "There is room below the quota.",
  low: "More than nine tenths of the quota are used: remove packages or raise it, or pushes and additions will be refused.",
  full: "The quota is used up: pushes and additions are refused; remove packages or raise it.",
};

/** The figures are in the metrics. */
export function quotaCheck(quota: Quota): HealthCheck {
  return {
    name: "storage/quota",
    run: async () => {
      const { level, counted } = await quota.state();
      const message = counted ? quotaMessages[level] : `Not counted yet. ${quotaMessages[level]}`;
      return { healthy: level === "enough", message };
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

/** How writers of the storage are kept apart. */
export type Coordination =
  | { readonly kind: "directory" }
  | { readonly kind: "compare-and-swap" }
  | { readonly kind: "local-only"; readonly failedStep: string };

/** Told at the start and true until the end. */
export function coordinationCheck(coordination: Coordination, format: StorageFormat): HealthCheck {
  const whose = `Format ${format.version}, deployment ${format.deployment}.`;
  const message = `${coordinationWords(coordination)} ${whose}`;
  return { name: "storage/coordination", run: async () => ({ healthy: true, message }) };
}

function coordinationWords(coordination: Coordination): string {
  switch (coordination.kind) {
    case "directory":
      return "directory: one server, which holds its lock.";
    case "compare-and-swap":
      return "compare-and-swap: the bucket arbitrates between any number of instances.";
    case "local-only":
      return `local-only: one instance, since the bucket cannot arbitrate (${coordination.failedStep}).`;
  }
}
