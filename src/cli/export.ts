/** `export`: packages of the registry as `.dcos` files, for another registry or as a backup. */
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { Command, Option } from "commander";
import { isDigest } from "../oci/digest.ts";
import { isFileName, listFile } from "./backup/backup-list.ts";
import { type Exported, ExportRun, type WantedPackage } from "./backup/export-run.ts";
import { CliError, UsageError } from "./cli-error.ts";
import { addConnectionOptions, type ConnectionOptions } from "./connection.ts";
import { type CliContext, type CommandFactory, isQuiet } from "./context.ts";
import { shownPath, unwritable } from "./output-directory.ts";
import { printJson, printLine } from "./print.ts";
import { createProgress, type ProgressMode, progressModes } from "./progress.ts";
import type { ListedPackage } from "./registry-answer.ts";
import type { RegistryClient } from "./registry-client.ts";
import { NotARegistry } from "./registry-refusal.ts";
import { printable } from "./terminal.ts";
import { withRegistry } from "./with-registry.ts";

interface ExportFlags extends ConnectionOptions {
  readonly output: string;
  readonly all?: boolean;
  readonly verify?: boolean;
  readonly json?: boolean;
  readonly progress: ProgressMode;
}

/** What was asked for is not in the registry. */
class PackageMissing extends CliError {
  readonly code = "PackageNotFound";
}

export const exportPackages: CommandFactory = (context) =>
  addConnectionOptions(
    new Command("export")
      .description("Save packages of the registry as .dcos files")
      .argument("[packages...]", "NAME for every version of a package, or NAME:VERSION")
      .requiredOption(
        "--output <directory>",
        "where the files go; what is there is not fetched again",
      )
      .option("--all", "every package of the registry")
      .option("--verify", "read again what is there already")
      .option("--json", "print what was exported as JSON")
      .addOption(
        new Option("--progress <mode>", "how to show progress, on stderr")
          .choices(progressModes)
          .default("auto"),
      ),
  ).action(async (names: readonly string[], flags: ExportFlags) => {
    if ((names.length === 0) === (flags.all !== true)) {
      throw new UsageError("name packages, as NAME or NAME:VERSION, or pass --all");
    }
    const directory = path.resolve(context.workingDirectory, flags.output);
    await mkdir(directory, { recursive: true }).catch((cause) => {
      throw unwritable(cause, flags.output) ?? cause;
    });
    await withRegistry(flags, context, (registry) =>
      run(registry, { names, directory, flags }, context),
    );
  });

interface Asked {
  readonly names: readonly string[];
  /** Absolute. */
  readonly directory: string;
  readonly flags: ExportFlags;
}

async function run(
  registry: RegistryClient,
  { names, directory, flags }: Asked,
  context: CliContext,
): Promise<void> {
  const { terminal, signal } = context;
  const listed = (await registry.list(signal)).value.map(wantedOf);
  const wanted = flags.all ? listed : select(listed, names);
  const mode = isQuiet(context) ? "none" : flags.progress;
  const exporting = await ExportRun.open(registry, {
    directory,
    verify: flags.verify === true,
    signal,
    progress: ({ name, version }, total) =>
      createProgress(terminal, {
        mode,
        label: printable(`Exporting ${name} ${version}`),
        total,
        subject: { type: "export", package: name, version },
      }),
  });
  const exported: Exported[] = [];
  for (const one of wanted) {
    const done = await exporting.bring(one);
    exported.push(done);
    if (!flags.json) tell(done, flags, context);
  }
  const gone = flags.all ? await exporting.forgetOthers(wanted) : [];
  if (flags.json) {
    const packages = exported.map(({ entry, fetched }) => ({ ...entry, fetched }));
    return printJson(terminal, { packages, left: gone.map(({ file }) => file) });
  }
  if (isQuiet(context)) return;
  for (const { file } of gone) {
    terminal.stderr.write(printable(`${file} is no longer in the registry; the file was left\n`));
  }
  terminal.stderr.write(printable(`Next: dcos-registry restore ${flags.output}\n`));
}

function tell({ entry, fetched }: Exported, { output }: ExportFlags, context: CliContext): void {
  const { name, version, file } = entry;
  const place = shownPath(output, file);
  if (fetched) printLine(context.terminal, `Exported ${name} ${version} to ${place}`);
  else if (!isQuiet(context)) printLine(context.terminal, `${place} is there already`);
}

/** What comes from the registry becomes the name of a file. */
function wantedOf({ name, version, releaseVersion, root }: ListedPackage): WantedPackage {
  const valid = isFileName(name) && isFileName(`${name}-${version}.dcos`);
  if (valid && releaseVersion !== undefined && root !== undefined && isDigest(root)) {
    return { name, version, releaseVersion, root };
  }
  throw new NotARegistry(
    `the registry lists a package that cannot be exported: ${name} ${version}`,
    {},
  );
}

function select(
  listed: readonly WantedPackage[],
  names: readonly string[],
): readonly WantedPackage[] {
  const chosen = new Set<WantedPackage>();
  for (const text of names) {
    const [name, version] = text.split(":");
    const found = listed.filter(
      (one) => one.name === name && (version === undefined || one.version === version),
    );
    if (found.length === 0) {
      throw new PackageMissing(`${text} is not in the registry`, {
        hint: `see dcos-registry list; what was exported before stands in ${listFile}`,
      });
    }
    for (const one of found) chosen.add(one);
  }
  return [...chosen];
}
