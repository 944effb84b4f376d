/**
 * `dcos-registry-server migrate-storage`: moves a registry to another storage while it is served.
 *
 * Reads its few flags, opens both sides as a server would, and prints what was done. The rules stand
 * in registry/migration/storage-migration.ts.
 */
import { access, cp, realpath } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import { type Config, ConfigInvalid, loadConfig } from "../config.ts";
import { cancelMigration } from "../registry/migration/cancel-migration.ts";
import { MigrationRefused } from "../registry/migration/move-state.ts";
import { type MigrationReport, StorageMigration } from "../registry/migration/storage-migration.ts";
import { FilesystemStore } from "../storage/filesystem-store.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { lockDirectory } from "../storage/owner-lock.ts";
import { type ProgressMode, progressModes, showMigration } from "./migration-progress.ts";

export const migrateStorageHelp = `Usage: dcos-registry-server migrate-storage --from STORAGE --to STORAGE

Moves everything of a registry to another, empty storage, while servers go on with the old one.
Pulls never fail. Writes are refused for the short time of the last comparison, and from then on:
restart the servers with the new storage. Broken off, run it again with the same storages.

Options:
  --from STORAGE        what --storage of the servers names now
  --to STORAGE          what it is to name then
  --from-config FILE    configuration file whose storage options reach it
  --to-config FILE      the same for the new storage
  --concurrency N       blobs copied at the same time [8]
  --read-back           read and hash again what was written
  --skip-damaged        leave behind what cannot be read, and list it
  --cancel              give up a migration that was begun: the old storage takes writes again
  --progress MODE       auto, bar, plain, json or none; on stderr [auto]
  --json                print the result as JSON
`;

export interface MigrationContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { readonly isTTY?: boolean; write(text: string): unknown };
  readonly signal: AbortSignal;
}

/**
 * @param argv what stands behind `migrate-storage`
 * @throws {ConfigInvalid} for wrong flags
 * @throws {MigrationRefused}
 */
export async function migrateStorage(
  argv: readonly string[],
  context: MigrationContext,
): Promise<void> {
  const flags = readFlags(argv);
  if (flags.help) return void context.stdout.write(migrateStorageHelp);
  const from = readSide("from", flags.from, flags["from-config"], context);
  const to = readSide("to", flags.to, flags["to-config"], context);
  await expectApart(from.storage, to.storage);
  await expectStore(from.storage);
  const source = await FilesystemStore.open(from.storage);
  const target = await FilesystemStore.open(to.storage);
  const unlock = await lockDirectory(to.storage);
  try {
    if (flags.cancel) return await cancel(source, target, from, context);
    const report = await new StorageMigration(source, target, {
      from: from.storage,
      to: to.storage,
      concurrency: flags.concurrency,
      readBack: flags["read-back"],
      skipDamaged: flags["skip-damaged"],
      signal: context.signal,
      onProgress: showMigration(context.stderr, flags.progress),
    }).run();
    await copyTrust(from.storage, to.storage);
    context.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : describe(report, to));
  } finally {
    await unlock();
  }
}

async function cancel(
  source: ObjectStore,
  target: ObjectStore,
  { storage }: Config,
  { stdout }: MigrationContext,
): Promise<void> {
  await cancelMigration(source, target);
  stdout.write(`${storage} takes writes again\n`);
}

function readFlags(argv: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        from: { type: "string" },
        to: { type: "string" },
        "from-config": { type: "string" },
        "to-config": { type: "string" },
        concurrency: { type: "string", default: "8" },
        "read-back": { type: "boolean", default: false },
        "skip-damaged": { type: "boolean", default: false },
        cancel: { type: "boolean", default: false },
        progress: { type: "string", default: "auto" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    const concurrency = Number(values.concurrency);
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 64) {
      throw new TypeError("--concurrency: must be a number from 1 to 64");
    }
    return { ...values, concurrency, progress: progressOf(values.progress) };
  } catch (cause) {
    throw wrong(cause instanceof Error ? cause.message : String(cause));
  }
}

function progressOf(text: string): ProgressMode {
  const mode = progressModes.find((one) => one === text);
  if (mode === undefined)
    throw new TypeError(`--progress: must be one of ${progressModes.join(", ")}`);
  return mode;
}

/** One side, read as a server that is started with it would. */
function readSide(
  name: string,
  storage: string | undefined,
  file: string | undefined,
  { environment }: MigrationContext,
): Config {
  if (storage === undefined && file === undefined) {
    throw wrong(`--${name}: say which storage, or --${name}-config a file that does`);
  }
  const argv = [
    ...(file === undefined ? [] : ["--config", file]),
    ...(storage === undefined ? [] : ["--storage", storage]),
  ];
  const { DCOS_REGISTRY_STORAGE: _, DCOS_REGISTRY_CONFIG: __, ...others } = environment;
  return loadConfig(argv, others);
}

function wrong(message: string): ConfigInvalid {
  return new ConfigInvalid([{ pointer: "", message }]);
}

async function expectApart(from: string, to: string): Promise<void> {
  const [one, other] = await Promise.all(
    [from, to].map((each) => realpath(each).catch(() => each)),
  );
  if (one === undefined || other === undefined) return;
  const inside = (inner: string, outer: string) => !path.relative(outer, inner).startsWith("..");
  if (inside(one, other) || inside(other, one)) {
    throw new MigrationRefused(`${to} must be apart from ${from}`);
  }
}

/** Opening makes what is not there, which a mistyped name must not. */
async function expectStore(storage: string): Promise<void> {
  await access(path.join(storage, "store")).catch((cause) => {
    throw new MigrationRefused(`${storage} holds no registry`, { cause });
  });
}

/** Development CA and certificate: clients trust the server by them. */
async function copyTrust(from: string, to: string): Promise<void> {
  const copying = cp(path.join(from, "tls"), path.join(to, "tls"), {
    recursive: true,
    force: false,
  });
  await copying.catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error; // certificates come from elsewhere
  });
}

function describe({ now, blobs, bytes, documents, damaged }: MigrationReport, to: Config): string {
  const copied = `${blobs} blobs (${Math.round(bytes / 1e6)} MB of data) and ${documents} documents`;
  const left = damaged.map(({ key, problem }) => `left behind: ${key}: ${problem}\n`);
  return [
    now ? `Copied ${copied}; all was compared\n` : "All had been moved before\n",
    ...left,
    `Next: restart the servers with --storage=${to.storage}\n`,
  ].join("");
}
