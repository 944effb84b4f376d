/**
 * `remove`: takes one version of a package out of the registry.
 *
 * At a terminal the package name is asked for first. Where nobody can be asked the command goes
 * ahead, as the original did: name and version are both spelled out on its command line. `--now` keeps
 * nothing for services that run from it.
 */
import { createInterface } from "node:readline";
import { Command } from "commander";
import { UsageError } from "./cli-error.ts";
import { addConnectionOptions, type ConnectionOptions } from "./connection.ts";
import type { CliContext, CommandFactory } from "./context.ts";
import { printJson, printLine } from "./print.ts";
import type { DescribedPackage, Removed } from "./registry-answer.ts";
import type { RegistryClient } from "./registry-client.ts";
import { printable } from "./terminal.ts";
import { withRegistry } from "./with-registry.ts";

interface RemoveOptions extends ConnectionOptions {
  readonly packageName: string;
  readonly packageVersion: string;
  readonly now?: boolean;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export const remove: CommandFactory = (context) =>
  addConnectionOptions(
    new Command("remove")
      .description("Remove a version of a package from the registry")
      .requiredOption("--package-name <name>", "name of the package")
      .requiredOption("--package-version <version>", "its version")
      .option("--now", "keep nothing for services that run from it, and free it")
      .option("--yes", "do not ask")
      .option("--dry-run", "only show what would be removed")
      .option("--json", "print the removed packages as JSON"),
  ).action((options: RemoveOptions) =>
    withRegistry(options, context, (registry) =>
      options.dryRun
        ? showRemoval(registry, options, context)
        : removeAfterConsent(registry, options, context),
    ),
  );

async function showRemoval(
  registry: RegistryClient,
  options: RemoveOptions,
  { terminal, signal }: CliContext,
): Promise<void> {
  const { packageName, packageVersion, json } = options;
  const { value } = await registry.describe(packageName, packageVersion, signal);
  const { name, version } = value;
  if (json) return printJson(terminal, { packages: [{ name, version }], dryRun: true });
  printLine(terminal, `Would remove ${summaryOf(value)}`);
}

async function removeAfterConsent(
  registry: RegistryClient,
  options: RemoveOptions,
  context: CliContext,
): Promise<void> {
  const { packageName, packageVersion, json, now = false } = options;
  const { terminal, signal } = context;
  if (!options.yes && context.input?.interactive) {
    const { value } = await registry.describe(packageName, packageVersion, signal);
    await askForName(value, now, context);
  }
  const question = { name: packageName, version: packageVersion, now };
  const { document, value } = await registry.remove(question, signal);
  if (json) return printJson(terminal, document);
  for (const { name, version } of value.packages) {
    printLine(terminal, `Removed ${name} ${version}`);
  }
  if (now) printLine(terminal, reclaimedWhen(value));
}

function reclaimedWhen({ reclaim }: Removed): string {
  if (reclaim === undefined) return "The registry does not say when its content is freed.";
  const { collected, reason, freedBy } = reclaim;
  if (!collected) return `Its content stays: garbage collection is off (${reason ?? "no reason"}).`;
  const by = freedBy === undefined ? "after the grace" : `by ${freedBy}`;
  return `What nothing else uses of its content is freed ${by}.`;
}

/** @throws {UsageError} when the answer is not the name of the package */
async function askForName(
  described: DescribedPackage,
  now: boolean,
  context: CliContext,
): Promise<void> {
  const { terminal, input, signal } = context;
  if (input === undefined) return;
  const { stderr } = terminal;
  stderr.write(printable(`This removes ${summaryOf(described)}.\n`));
  if (now) stderr.write("Services that run from it will not find its images and files again.\n");
  stderr.write("Type the name of the package to go on: ");
  const lines = createInterface({ input: input.stream, terminal: false, signal });
  const answer = await lines[Symbol.asyncIterator]().next();
  lines.close();
  signal.throwIfAborted();
  if (!answer.done && answer.value.trim() === described.name) return;
  throw new UsageError("that is not the name of the package; nothing was removed", {
    hint: "pass --yes to remove without being asked",
  });
}

function summaryOf({ name, version, images, assets }: DescribedPackage): string {
  return `${name} ${version} (images: ${images.length}, assets: ${assets.length})`;
}
