/**
 * `dcos-registry-server purge-tombstones`: deletes what only says that something was deleted long ago.
 *
 * For a directory that no server has: the lock of its owner proves it. Takes the options of the server.
 */
import { access } from "node:fs/promises";
import path from "node:path";
import { type Config, loadConfig } from "../config.ts";
import { type PurgeReport, purgeTombstones } from "../registry/tombstone-purge.ts";
import { FilesystemStore } from "../storage/filesystem-store.ts";
import { lockDirectory } from "../storage/owner-lock.ts";

export const purgeTombstonesHelp = `Usage: dcos-registry-server purge-tombstones [options of the server]

Deletes notes about what was deleted more than 30 days ago: some 300 bytes for each blob, tag and
manifest that the registry ever had. Only of a directory, and only while no server uses it. A bucket
is rid of them by migrate-storage to another path, which leaves them behind.

Options:
  --dry-run             only count them
  --json                print the result as JSON
`;

export interface PurgeContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: { write(text: string): unknown };
  readonly signal: AbortSignal;
}

export class PurgeRefused extends Error {
  readonly code = "PURGE_REFUSED";
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/**
 * @param argv what stands behind `purge-tombstones`
 * @throws {ConfigInvalid} for wrong options
 * @throws {PurgeRefused | StorageInUse}
 */
export async function purgeStorage(
  argv: readonly string[],
  { environment, stdout, signal }: PurgeContext,
): Promise<void> {
  if (argv.includes("--help")) return void stdout.write(purgeTombstonesHelp);
  const [dryRun, json] = ["--dry-run", "--json"].map((flag) => argv.includes(flag));
  const options = argv.filter((word) => word !== "--dry-run" && word !== "--json");
  const directory = await directoryOf(loadConfig(options, environment));
  const unlock = await lockDirectory(directory);
  try {
    const store = await FilesystemStore.open(directory);
    const now = Date.now();
    const report = await purgeTombstones(store, { now, signal, dryRun: dryRun ?? false });
    stdout.write(json ? `${JSON.stringify(report)}\n` : describe(report, dryRun ?? false));
  } finally {
    await unlock();
  }
}

/** @throws {PurgeRefused} */
async function directoryOf({ s3, storage }: Config): Promise<string> {
  if (s3) {
    throw new PurgeRefused(
      "tombstones of a bucket cannot be purged in place: nothing proves that no instance writes, and a delete whose answer is lost may land late. migrate-storage to another path leaves them behind",
    );
  }
  await access(path.join(storage, "store")).catch((cause) => {
    throw new PurgeRefused(`${storage} holds no registry`, { cause });
  });
  return storage;
}

function describe({ documents, purged, kept, damaged }: PurgeReport, dryRun: boolean): string {
  const what = `${purged} of ${documents} documents are tombstones of more than 30 days`;
  const done = dryRun ? `${what}; nothing was deleted\n` : `${what}; deleted\n`;
  const young = kept > 0 ? `${kept} younger ones stay\n` : "";
  const unread = damaged > 0 ? `${damaged} documents cannot be read and stay; see scrub\n` : "";
  return done + young + unread;
}
