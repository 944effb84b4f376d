/** `build`: fetches all that a build definition names and writes it into one `.dcos` file. */
import { access, constants, readdir, stat } from "node:fs/promises";
import path from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { BundleExists } from "../packages/bundle-writer.ts";
import { type Finding, findingToJson, PackageInvalid, strictly } from "../packages/finding.ts";
import { readBuildDefinition } from "../packages/read-build-definition.ts";
import { BuildFailed } from "./build/build-failed.ts";
import type { BuildOptions } from "./build/build-options.ts";
import { checkLocations } from "./build/check-locations.ts";
import { buildPackage } from "./build/package-builder.ts";
import { withWorkshop } from "./build/workshop.ts";
import { type CliContext, type CommandFactory, isQuiet } from "./context.ts";
import { shownPath, unwritable } from "./output-directory.ts";
import { printJson, printLine } from "./print.ts";
import { progressModes } from "./progress.ts";
import { printWarnings } from "./report-findings.ts";
import { printable } from "./terminal.ts";

export const build: CommandFactory = (context) =>
  new Command("build")
    .description("Build a package: fetch its assets and images into one .dcos file")
    .requiredOption("--build-definition-file <file>", "the file that migrate has made")
    .option("--output-directory <directory>", "where the .dcos file goes", ".")
    .option("--json", "print the name of the .dcos file as JSON")
    .option("--use-local", "take the images that the local docker has from there")
    .option("--image-archive <file>", "take images from this OCI archive (repeatable)", collect, [])
    .option("--keep-url <key>", "leave this asset's URL as it is (repeatable)", collect, [])
    .option("--ca <file>", "trust the CA certificates of this PEM file too")
    .option("--concurrency <number>", "how many downloads at a time", parseConcurrency, 4)
    .option("--platform <os/arch>", "which platform of images to take", "linux/amd64")
    .option("--insecure-registry <host>", "speak plain HTTP with it (repeatable)", collect, [])
    .option("--strict", "treat warnings as errors")
    .option("--no-cache", "keep nothing that is downloaded for the next build")
    .addOption(
      new Option("--progress <mode>", "how to show progress, on stderr")
        .choices(progressModes)
        .default("auto"),
    )
    .action(async (options: BuildOptions) => {
      try {
        await run(options, context);
      } catch (error) {
        tellOnStdout(error, options, context);
        throw error;
      }
    });

async function run(options: BuildOptions, context: CliContext): Promise<void> {
  const { workingDirectory, terminal } = context;
  const { outputDirectory } = options;
  const read = await readBuildDefinition(options.buildDefinitionFile, workingDirectory);
  const { definition, baseDirectory, place } = read;
  const { kept, findings } = checkLocations(definition, options.keepUrl, place);
  settle([...read.findings, ...findings], options, context);
  const name = `${definition.name}-${definition.version}.dcos`;
  const target = path.resolve(workingDirectory, outputDirectory, name);
  const shown = shownPath(outputDirectory, name);
  await expectAbsent(target, shown, outputDirectory);
  await withWorkshop(options, context, { baseDirectory, target }, (workshop) =>
    buildPackage({ ...workshop, definition, place, kept }, target, workshop.report),
  );
  if (options.json) return printJson(terminal, { name: shown });
  printLine(terminal, `Created DC/OS Universe Package ${shown}`);
  if (isQuiet(context)) return;
  terminal.stderr.write(printable(`Next: dcos-registry add --dcos-file=${shown}\n`));
}

/** Prints warnings, or ends the build when there are errors. */
function settle(findings: readonly Finding[], options: BuildOptions, context: CliContext): void {
  const judged = options.strict ? strictly(findings) : findings;
  if (judged.some(({ severity }) => severity === "error")) throw new PackageInvalid(judged);
  printWarnings(judged, context);
}

async function expectAbsent(target: string, shown: string, directory: string): Promise<void> {
  try {
    await readdir(path.dirname(target));
    await access(path.dirname(target), constants.W_OK);
  } catch (cause) {
    throw unwritable(cause, directory) ?? cause;
  }
  const found = await stat(target).catch(() => undefined);
  if (found) throw new BundleExists(shown);
}

/** What programs read on stdout of a build that failed; stderr is for people. */
function tellOnStdout(error: unknown, { json }: BuildOptions, { terminal }: CliContext): void {
  if (error instanceof BundleExists) {
    if (json) printJson(terminal, { error: error.message });
    else printLine(terminal, error.message);
  }
  if (json && (error instanceof BuildFailed || error instanceof PackageInvalid)) {
    printJson(terminal, { findings: error.findings.map(findingToJson), ok: false });
  }
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function parseConcurrency(text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= 64) return number;
  throw new InvalidArgumentError("It must be a number from 1 to 64.");
}
