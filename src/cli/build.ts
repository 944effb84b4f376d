/** `build`: fetches all that a build definition names and writes it into one `.dcos` file. */
import { stat } from "node:fs/promises";
import path from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { BundleExists } from "../packages/bundle-writer.ts";
import {
  type Finding,
  findingToJson,
  formatFinding,
  PackageInvalid,
  strictly,
} from "../packages/finding.ts";
import { readBuildDefinition } from "../packages/read-build-definition.ts";
import { BuildFailed } from "./build/build-failed.ts";
import type { BuildOptions } from "./build/build-options.ts";
import { checkLocations } from "./build/check-locations.ts";
import { buildPackage } from "./build/package-builder.ts";
import { withWorkshop } from "./build/workshop.ts";
import { UsageError } from "./cli-error.ts";
import { type CliContext, type CommandFactory, isQuiet } from "./context.ts";
import { printJson, printLine } from "./print.ts";
import { progressModes } from "./progress.ts";
import { printable } from "./terminal.ts";

export const build: CommandFactory = (context) =>
  new Command("build")
    .description("Build a package: fetch its assets and images into one .dcos file")
    .requiredOption("--build-definition-file <file>", "the file that migrate has made")
    .option("--output-directory <directory>", "where the .dcos file goes", ".")
    .option("--json", "print the name of the .dcos file as JSON")
    .option("--use-local", "take images from the local docker")
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
  if (options.useLocal) {
    const hint = "leave the option out: images are fetched from their registries, without docker";
    throw new UsageError("--use-local is not available yet", { hint });
  }
  const { buildDefinitionFile: file } = options;
  const { workingDirectory, terminal } = context;
  const { definition, baseDirectory, findings } = await readBuildDefinition(file, workingDirectory);
  const { kept, findings: located } = checkLocations(definition, options.keepUrl, file);
  settle([...findings, ...located], options, context);
  const name = `${definition.name}-${definition.version}.dcos`;
  const target = path.resolve(workingDirectory, options.outputDirectory, name);
  const shown = `${options.outputDirectory.replace(/(?<=.)\/+$/, "")}/${name}`;
  await expectAbsent(target, shown, options.outputDirectory);
  await withWorkshop(options, context, { baseDirectory, target }, (workshop) =>
    buildPackage({ ...workshop, definition, file, kept }, target, workshop.report),
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
  printFindings(judged, context);
}

function printFindings(findings: readonly Finding[], { terminal }: CliContext): void {
  for (const finding of findings) terminal.stderr.write(`${formatFinding(finding)}\n`);
}

async function expectAbsent(target: string, shown: string, directory: string): Promise<void> {
  const folder = await stat(path.dirname(target)).catch(() => undefined);
  if (!folder?.isDirectory()) {
    throw new UsageError(`The output directory [${directory}] does not exist`);
  }
  const found = await stat(target).catch(() => undefined);
  if (found) throw new BundleExists(shown);
}

/** Findings go to people on stderr and to programs on stdout; "already exists" to both. */
function tellOnStdout(error: unknown, { json }: BuildOptions, context: CliContext): void {
  const { terminal } = context;
  if (error instanceof BundleExists) {
    if (json) printJson(terminal, { error: error.message });
    else printLine(terminal, error.message);
  }
  if (!(error instanceof BuildFailed || error instanceof PackageInvalid)) return;
  if (json) printJson(terminal, { findings: error.findings.map(findingToJson), ok: false });
  // Of a definition that is not valid the findings are printed with the error itself.
  else if (error instanceof BuildFailed) printFindings(error.findings, context);
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function parseConcurrency(text: string): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= 64) return number;
  throw new InvalidArgumentError("It must be a number from 1 to 64.");
}
