/** `list`: the packages of the registry. */
import { Command } from "commander";
import { addConnectionOptions, type ConnectionOptions } from "./connection.ts";
import { type CommandFactory, isQuiet } from "./context.ts";
import { printJson, printTable } from "./print.ts";
import { withRegistry } from "./with-registry.ts";

interface ListOptions extends ConnectionOptions {
  readonly json?: boolean;
}

export const list: CommandFactory = (context) =>
  addConnectionOptions(
    new Command("list")
      .description("List the packages of the registry, the last added version first")
      .option("--json", "print the packages as JSON"),
  ).action(async (options: ListOptions) => {
    const { terminal, signal } = context;
    const { document, value } = await withRegistry(options, context, (registry) =>
      registry.list(signal),
    );
    if (options.json) return printJson(terminal, document);
    if (value.length > 0) {
      const rows = value.map(({ name, version, status }) => [name, version, status]);
      return printTable(terminal, [["NAME", "VERSION", "STATUS"], ...rows]);
    }
    if (!isQuiet(context)) {
      terminal.stderr.write("No packages yet. Add one with: dcos-registry add --dcos-file FILE\n");
    }
  });
