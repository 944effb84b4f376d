/** `migrate`: turns a package directory of the catalogue into a build definition. */
import { Command } from "commander";
import { PackageInvalid } from "../packages/finding.ts";
import { type Migration, migratePackage } from "../packages/migrate-package.ts";
import type { CliContext, CommandFactory } from "./context.ts";
import { unwritable } from "./output-directory.ts";
import { printJson, printLine } from "./print.ts";
import { printWarnings, refuse } from "./report-findings.ts";

interface MigrateOptions {
  readonly packageDirectory: string;
  readonly outputDirectory: string;
  readonly json?: boolean;
  readonly strict?: boolean;
}

export const migrate: CommandFactory = (context) =>
  new Command("migrate")
    .description("Turn a package directory of the catalogue into a build definition")
    .requiredOption("--package-directory <directory>", "directory that contains package.json")
    .option("--output-directory <directory>", "where the build definition goes", ".")
    .option("--json", "print the path, or the findings, as JSON")
    .option("--strict", "refuse the package on warnings too")
    .action(async (options: MigrateOptions) => {
      const { file, findings } = await run(options, context);
      printWarnings(findings, context);
      if (options.json) printJson(context.terminal, { name: file });
      else printLine(context.terminal, `Created DC/OS Build Definition ${file}`);
    });

async function run(options: MigrateOptions, context: CliContext): Promise<Migration> {
  const { workingDirectory } = context;
  const { packageDirectory, outputDirectory, strict = false } = options;
  try {
    return await migratePackage({ packageDirectory, outputDirectory, workingDirectory, strict });
  } catch (error) {
    if (error instanceof PackageInvalid) throw refuse(error, context, options.json);
    throw unwritable(error, outputDirectory) ?? error;
  }
}
