/**
 * `restore`: brings exported packages back, each with the releaseVersion that it had.
 *
 * In the order in which they were added once, so that what was the newest version is so again. What
 * is there already is not sent; run again, it goes on where it stopped.
 */
import path from "node:path";
import { Command, Option } from "commander";
import {
  type BackedUpPackage,
  BackupUnusable,
  listFile,
  readBackupList,
} from "./backup/backup-list.ts";
import { BundleUnusable, openBundleFile } from "./bundle-file.ts";
import { CliError, FileUnreadable } from "./cli-error.ts";
import { addConnectionOptions, type ConnectionOptions } from "./connection.ts";
import { type CliContext, type CommandFactory, isQuiet } from "./context.ts";
import { exitCodeOf, exitCodes } from "./exit-code.ts";
import { printJson, printLine } from "./print.ts";
import { createProgress, type ProgressMode, progressModes } from "./progress.ts";
import type { ListedPackage } from "./registry-answer.ts";
import type { RegistryClient } from "./registry-client.ts";
import { RegistryRefusal } from "./registry-refusal.ts";
import { shownUpload } from "./shown-upload.ts";
import { printable } from "./terminal.ts";
import { withRegistry } from "./with-registry.ts";

interface RestoreFlags extends ConnectionOptions {
  readonly json?: boolean;
  readonly progress: ProgressMode;
}

type Outcome = "restored" | "present" | "failed";

interface Restored {
  readonly name: string;
  readonly version: string;
  readonly state: Outcome;
  /** What the registry gives the package now. */
  readonly releaseVersion?: number;
  readonly error?: string;
}

/** Some packages could not be brought back; the others were. */
class RestoreIncomplete extends CliError {
  readonly code: string;
  constructor(message: string, cause: unknown) {
    super(message, { hint: "run the same command again once the causes are gone", cause });
    this.code =
      cause instanceof Error && "code" in cause ? String(cause.code) : "RESTORE_INCOMPLETE";
  }
}

export const restore: CommandFactory = (context) =>
  addConnectionOptions(
    new Command("restore")
      .description("Add all packages of an exported directory, as they were")
      .argument("<directory>", "what dcos-registry export has written")
      .option("--json", "print what was restored as JSON")
      .addOption(
        new Option("--progress <mode>", "how to show progress, on stderr")
          .choices(progressModes)
          .default("auto"),
      ),
  ).action(async (directory: string, flags: RestoreFlags) => {
    const list = await readBackupList(path.resolve(context.workingDirectory, directory));
    if (list === undefined) {
      throw new BackupUnusable(`there is no ${listFile}`, {
        where: directory,
        hint: "single bundles are added by dcos-registry add",
      });
    }
    await withRegistry(flags, context, (registry) =>
      new RestoreRun(registry, directory, flags, context).run(list),
    );
  });

class RestoreRun {
  readonly #registry: RegistryClient;
  readonly #directory: string;
  readonly #flags: RestoreFlags;
  readonly #context: CliContext;

  constructor(
    registry: RegistryClient,
    directory: string,
    flags: RestoreFlags,
    context: CliContext,
  ) {
    this.#registry = registry;
    this.#directory = directory;
    this.#flags = flags;
    this.#context = context;
  }

  /** @throws {RestoreIncomplete} after all that could be done was done */
  async run(list: readonly BackedUpPackage[]): Promise<void> {
    const { terminal, signal } = this.#context;
    const here = (await this.#registry.list(signal)).value;
    const restored: Restored[] = [];
    const failures: unknown[] = [];
    for (const entry of [...list].sort((a, b) => a.releaseVersion - b.releaseVersion)) {
      try {
        restored.push(await this.#bring(entry, here));
      } catch (error) {
        if (!isAboutOne(error) || signal.aborted) throw error;
        failures.push(error);
        const { name, version } = entry;
        restored.push({ name, version, state: "failed", error: error.message });
      }
      const [last] = restored.slice(-1);
      if (last && !this.#flags.json) this.#tell(last);
    }
    if (this.#flags.json) printJson(terminal, { packages: restored });
    if (failures.length === 0) return;
    const message = `${failures.length} of ${list.length} packages were not restored`;
    throw new RestoreIncomplete(message, failures[0]);
  }

  async #bring(entry: BackedUpPackage, here: readonly ListedPackage[]): Promise<Restored> {
    const { name, version, root, releaseVersion } = entry;
    const present = here.find((one) => one.name === name && one.version === version);
    if (present?.root === root) return { name, version, state: "present", ...release(present) };
    const file = path.join(this.#directory, entry.file);
    const bundle = await openBundleFile(file, this.#context.workingDirectory);
    try {
      if (bundle.size !== entry.size) {
        const message = `it has ${bundle.size} bytes, not the ${entry.size} of the export`;
        throw new BundleUnusable(message, { where: file });
      }
      const source = shownUpload(bundle, this.#progress(entry));
      const sending = { ...source, releaseVersion };
      const { value } = await this.#registry.add(sending, this.#context.signal).catch((error) => {
        source.fail();
        throw error;
      });
      return { name, version, state: "restored", ...release(value[0]) };
    } finally {
      await bundle.close();
    }
  }

  #progress({ name, version, size }: BackedUpPackage) {
    const mode = isQuiet(this.#context) ? "none" : this.#flags.progress;
    return createProgress(this.#context.terminal, {
      mode,
      label: printable(`Restoring ${name} ${version}`),
      total: size,
      subject: { type: "restore", package: name, version },
    });
  }

  #tell({ name, version, state, error = "" }: Restored): void {
    const { terminal } = this.#context;
    if (state === "restored") printLine(terminal, `Restored ${name} ${version}`);
    else if (state === "failed") {
      terminal.stderr.write(`${printable(`${name} ${version}: ${error}`)}\n`);
    } else if (!isQuiet(this.#context)) {
      printLine(terminal, `${name} ${version} is there already`);
    }
  }
}

function release(listed: ListedPackage | undefined): { releaseVersion?: number } {
  return listed?.releaseVersion === undefined ? {} : { releaseVersion: listed.releaseVersion };
}

/** Whether the next package may fare better. */
function isAboutOne(error: unknown): error is Error {
  if (error instanceof BundleUnusable || error instanceof FileUnreadable) return true;
  const hopeless: readonly number[] = [
    exitCodes.notAllowed,
    exitCodes.unreachable,
    exitCodes.noSpace,
  ];
  return error instanceof RegistryRefusal && !hopeless.includes(exitCodeOf(error));
}
