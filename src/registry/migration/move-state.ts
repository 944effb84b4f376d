/**
 * What a storage knows of being moved: one document where it is left, one where it arrives.
 *
 * ```
 * migration/out   copying → frozen → moved        released: writes are taken again
 * migration/in    copying → done
 * ```
 *
 * Both carry the id of the one migration, by which a broken one is continued and no other begins.
 */
import type { Documents } from "../../storage/documents.ts";
import { layout } from "../layout.ts";

export interface MovingOut {
  readonly id: string;
  /** For people: a directory or `s3://…`. */
  readonly to: string;
  /** From `frozen` on, nothing that is written here is acknowledged. */
  readonly state: "copying" | "frozen" | "moved" | "released";
}

export interface MovingIn {
  readonly id: string;
  readonly from: string;
  /** Until `done`, no server may use this storage. */
  readonly state: "copying" | "done";
}

/** The migration is refused, or cannot be completed; nothing that was acknowledged is lost. */
export class MigrationRefused extends Error {
  readonly code = "MIGRATION_REFUSED";
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

export function isFrozen(moving: MovingOut | undefined): boolean {
  return moving?.state === "frozen" || moving?.state === "moved";
}

/** Before a server uses a storage. @throws {MigrationRefused} for one that is only half here */
export async function expectWhole(documents: Documents): Promise<void> {
  const moving = (await documents.read<MovingIn>(layout.movingIn))?.value;
  if (moving === undefined || moving.state === "done") return;
  throw new MigrationRefused(
    `this storage is being filled from ${moving.from}; run migrate-storage until it says that all is moved`,
  );
}
