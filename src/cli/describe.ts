/** `describe`: one package of the registry; scripts poll its `status` until it is `Added`. */
import { Command } from "commander";
import { formatBytes } from "./byte-size.ts";
import { addConnectionOptions, type ConnectionOptions } from "./connection.ts";
import type { CommandFactory } from "./context.ts";
import { printJson, printLine } from "./print.ts";
import type { DescribedPackage } from "./registry-answer.ts";
import type { Terminal } from "./terminal.ts";
import { withRegistry } from "./with-registry.ts";

interface DescribeOptions extends ConnectionOptions {
  readonly packageName: string;
  readonly packageVersion?: string;
  readonly json?: boolean;
}

export const describe: CommandFactory = (context) =>
  addConnectionOptions(
    new Command("describe")
      .description("Show a package of the registry: its state, images and assets")
      .requiredOption("--package-name <name>", "name of the package")
      .option("--package-version <version>", "its version; the last added one when left out")
      .option("--json", "print what the registry knows as JSON"),
  ).action(async (options: DescribeOptions) => {
    const { packageName, packageVersion, json } = options;
    const { document, value } = await withRegistry(options, context, (registry) =>
      registry.describe(packageName, packageVersion, context.signal),
    );
    if (json) printJson(context.terminal, document);
    else printPackage(context.terminal, value);
  });

function printPackage(terminal: Terminal, described: DescribedPackage): void {
  const { name, version, status, releaseVersion, root, images, assets } = described;
  printLine(terminal, `${name} ${version}: ${status}`);
  if (releaseVersion !== undefined) printLine(terminal, `  release version  ${releaseVersion}`);
  if (root !== undefined) printLine(terminal, `  root             ${root}`);
  printLine(terminal, `  images           ${images.length}`);
  for (const { reference, image } of images) printLine(terminal, `    ${reference} -> ${image}`);
  printLine(terminal, `  assets           ${assets.length}`);
  for (const { url, size } of assets) {
    printLine(terminal, `    ${url}${size === undefined ? "" : ` (${formatBytes(size)})`}`);
  }
}
