/** `add`: sends one `.dcos` file to the registry. */
import { Command, Option } from "commander";
import { type BundleFile, openBundleFile } from "./bundle-file.ts";
import { Interrupted } from "./cli-error.ts";
import { addConnectionOptions, type ConnectionOptions } from "./connection.ts";
import { type CliContext, type CommandFactory, isQuiet } from "./context.ts";
import { printJson, printLine } from "./print.ts";
import { createProgress, type ProgressMode, progressModes } from "./progress.ts";
import type { ListedPackage } from "./registry-answer.ts";
import type { RegistryClient } from "./registry-client.ts";
import { shownUpload } from "./shown-upload.ts";
import { printable } from "./terminal.ts";
import { withRegistry } from "./with-registry.ts";

interface AddOptions extends ConnectionOptions {
  readonly dcosFile: string;
  readonly json?: boolean;
  readonly progress: ProgressMode;
}

export const add: CommandFactory = (context) =>
  addConnectionOptions(
    new Command("add")
      .description("Add a package to the registry, from its .dcos file")
      .requiredOption("--dcos-file <file>", "the .dcos file that dcos-registry build has made")
      .option("--json", "print the added packages as JSON")
      .addOption(
        new Option("--progress <mode>", "how to show progress, on stderr")
          .choices(progressModes)
          .default("auto"),
      ),
  ).action(async (options: AddOptions) => {
    const bundle = await openBundleFile(options.dcosFile, context.workingDirectory);
    try {
      await withRegistry(options, context, (registry) => send(registry, bundle, options, context));
    } finally {
      await bundle.close();
    }
  });

async function send(
  registry: RegistryClient,
  bundle: BundleFile,
  options: AddOptions,
  context: CliContext,
): Promise<void> {
  const { terminal, signal } = context;
  const upload = createProgress(terminal, {
    mode: isQuiet(context) ? "none" : options.progress,
    label: "File Upload progress",
    total: bundle.size,
    subject: { type: "upload", file: options.dcosFile },
  });
  const say = (line: string) => {
    if (!options.json && !isQuiet(context)) printLine(terminal, line);
  };
  const sent = () =>
    say("Package uploaded successfully. Please wait while it is being validated..");
  const source = shownUpload(bundle, upload, sent);
  const added = await registry.add(source, signal).catch((error) => {
    source.fail();
    throw signal.aborted ? interruptedUpload(options.dcosFile) : error;
  });
  if (options.json) return printJson(terminal, added.document);
  printLine(terminal, "Added packages:");
  for (const { name, version } of added.value) printLine(terminal, `\t ${name} ${version}`);
  say("Note: It will take a couple of minutes for the packages to be added to the registry");
  sayMore(added.value, context);
}

/** Notes for people, on stderr; the last is the command that scripts of the original run next. */
function sayMore(added: readonly ListedPackage[], context: CliContext): void {
  if (isQuiet(context)) return;
  const { stderr } = context.terminal;
  for (const { name, version, created } of added) {
    const note = `${name} ${version} was there already, with the same content`;
    if (!created) stderr.write(`${printable(note)}\n`);
  }
  const [first] = added;
  if (first === undefined) return;
  const command = `dcos-registry describe --package-name=${first.name} --package-version=${first.version}`;
  stderr.write(`${printable(`Next: ${command}`)}\n`);
}

function interruptedUpload(file: string): Interrupted {
  return new Interrupted({
    where: file,
    hint: "run the same command again; what the registry has by now is not sent twice",
  });
}
