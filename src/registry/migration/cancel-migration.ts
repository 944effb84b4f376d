/** Gives up a migration that was begun: the source takes writes again. What was copied stays. */
import { Documents } from "../../storage/documents.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import { layout } from "../layout.ts";
import { MigrationRefused, type MovingIn, type MovingOut } from "./move-state.ts";

/** @throws {MigrationRefused} when none was begun, or all is at its new place, where it may be in use */
export async function cancelMigration(source: ObjectStore, target: ObjectStore): Promise<void> {
  const arrived = (await new Documents(target).read<MovingIn>(layout.movingIn))?.value;
  await new Documents(source).update<MovingOut>(layout.movingOut, (current) => {
    if (current === undefined || current.state === "released") {
      throw new MigrationRefused("there is no migration to cancel");
    }
    const complete = arrived?.id === current.id && arrived.state === "done";
    if (current.state === "moved" || complete) {
      throw new MigrationRefused(`all was moved to ${current.to}, which may be in use by now`);
    }
    return { ...current, state: "released" };
  });
}
