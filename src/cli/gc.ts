/**
 * `gc`: has the registry look for what nothing references, now, and free what is old enough.
 *
 * The registry does so by itself from time to time; what was deleted goes after a grace of a day, in
 * whichever cycle comes then.
 */
import { Command } from "commander";
import { formatBytes } from "./byte-size.ts";
import { addConnectionOptions, type ConnectionOptions } from "./connection.ts";
import type { CommandFactory } from "./context.ts";
import { printJson, printLine } from "./print.ts";
import { withRegistry } from "./with-registry.ts";

interface GcOptions extends ConnectionOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export const gc: CommandFactory = (context) =>
  addConnectionOptions(
    new Command("gc")
      .description("Free content that nothing references any more")
      .option("--dry-run", "only show how much that is")
      .option("--json", "print what was found and done as JSON"),
  ).action(async (options: GcOptions) => {
    const { terminal, signal } = context;
    const { dryRun = false, json } = options;
    const { document, value } = await withRegistry(options, context, (registry) =>
      registry.collect({ dryRun }, signal),
    );
    if (json) return printJson(terminal, document);
    const left = value.unreferencedBytes - value.collectedBytes;
    if (!dryRun) {
      printLine(terminal, `Freed ${value.collected} blob(s), ${formatBytes(value.collectedBytes)}`);
    }
    const what = dryRun ? "Unreferenced" : "Unreferenced, within the grace";
    const blobs = value.unreferenced - value.collected;
    printLine(terminal, `${what}: ${blobs} blob(s), ${formatBytes(left)}`);
  });
