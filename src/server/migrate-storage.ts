/**
 * `dcos-registry-server migrate-storage`: moves a registry to another storage while it is served.
 *
 * Reads its few flags, opens both sides as a server would, and prints what was done. The rules stand
 * in registry/migration/storage-migration.ts.
 */
import { access, cp } from "node:fs/promises";
import path from "node:path";
import { parseArgs } from "node:util";
import type { Logger } from "pino";
import { ConfigInvalid } from "../config.ts";
import { cancelMigration } from "../registry/migration/cancel-migration.ts";
import { type MigrationReport, StorageMigration } from "../registry/migration/storage-migration.ts";
import { type ProgressMode, progressModes, showMigration } from "./migration-progress.ts";
import { expectApart, openSource, openTarget, readSide, type Side } from "./migration-side.ts";

export const migrateStorageHelp = `Usage: dcos-registry-server migrate-storage --from STORAGE --to STORAGE

Moves everything of a registry to another, empty storage, while servers go on with the old one.
Pulls never fail. Writes are refused for the short time of the last comparison, and from then on:
restart the servers with the new storage. Broken off, run it again with the same storages.

Options:
  --from STORAGE        what --storage of the servers names now: a directory or s3://BUCKET/PATH
  --to STORAGE          what it is to name then
  --from-config FILE    configuration file whose storage options reach it
  --to-config FILE      the same for the new storage; of s3://… the rest may be variables
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
  readonly log: Logger;
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
  const { environment, log } = context;
  const oldConfig = readSide(
    "from",
    { storage: flags.from, file: flags["from-config"] },
    environment,
  );
  const newConfig = readSide("to", { storage: flags.to, file: flags["to-config"] }, environment);
  await expectApart(oldConfig, newConfig);
  const from = await openSource(oldConfig, log);
  try {
    const to = await openTarget(newConfig, log);
    try {
      await (flags.cancel ? cancel(from, to, context) : move(from, to, flags, context));
    } finally {
      await to.end();
    }
  } finally {
    await from.end();
  }
}

async function move(from: Side, to: Side, flags: Flags, context: MigrationContext): Promise<void> {
  const report = await new StorageMigration(from.store, to.store, {
    from: from.name,
    to: to.name,
    concurrency: flags.concurrency,
    readBack: flags["read-back"],
    skipDamaged: flags["skip-damaged"],
    signal: context.signal,
    onProgress: showMigration(context.stderr, flags.progress),
  }).run();
  const trust = await copyTrust(from, to);
  context.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : describe(report, to, trust));
}

async function cancel(from: Side, to: Side, { stdout }: MigrationContext): Promise<void> {
  await cancelMigration(from.store, to.store);
  stdout.write(`${from.name} takes writes again\n`);
}

type Flags = ReturnType<typeof readFlags>;

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

function wrong(message: string): ConfigInvalid {
  return new ConfigInvalid([{ pointer: "", message }]);
}

/**
 * Development CA and certificate, by which clients trust the server.
 *
 * @returns what is left to do by hand
 */
async function copyTrust(from: Side, to: Side): Promise<string> {
  if (from.directory === undefined) return "";
  const old = path.join(from.directory, "tls");
  const here = await access(old).then(
    () => true,
    () => false, // certificates come from elsewhere
  );
  if (!here) return "";
  if (to.directory === undefined) {
    return `Clients trust the certificates in ${old}: to keep them, leave --storage=${from.directory} and name the bucket by --s3-bucket and --s3-path\n`;
  }
  await cp(old, path.join(to.directory, "tls"), { recursive: true, force: false });
  return "";
}

function describe(
  { now, blobs, bytes, documents, damaged }: MigrationReport,
  { name }: Side,
  trust: string,
): string {
  const copied = `${blobs} blobs (${Math.round(bytes / 1e6)} MB of data) and ${documents} documents`;
  const left = damaged.map(({ key, problem }) => `left behind: ${key}: ${problem}\n`);
  return [
    now ? `Copied ${copied}; all was compared\n` : "All had been moved before\n",
    ...left,
    trust,
    `Next: restart the servers with --storage=${name}\n`,
  ].join("");
}
