/** `health`: the checks of the registry; fails when one of them does. */
import { Command } from "commander";
import { CliError } from "./cli-error.ts";
import { addConnectionOptions, type ConnectionOptions } from "./connection.ts";
import type { CommandFactory } from "./context.ts";
import { printJson, printLine } from "./print.ts";
import { withRegistry } from "./with-registry.ts";

interface HealthOptions extends ConnectionOptions {
  readonly json?: boolean;
}

/** The registry answers, and says itself that something is wrong with it. */
class RegistryUnhealthy extends CliError {
  readonly code = "UNHEALTHY";
}

export const health: CommandFactory = (context) =>
  addConnectionOptions(
    new Command("health")
      .description("Show whether the registry is healthy; exits with 0 when it is")
      .option("--json", "print the checks as JSON"),
  ).action(async (options: HealthOptions) => {
    const { terminal, signal } = context;
    const { document, value } = await withRegistry(options, context, (registry) =>
      registry.health(signal),
    );
    if (options.json) printJson(terminal, document);
    for (const { name, healthy, message } of options.json ? [] : value) {
      printLine(terminal, `${name}: ${healthy ? "Healthy" : "Unhealthy"}: ${message}`);
    }
    const failed = value.filter(({ healthy }) => !healthy).map(({ name }) => name);
    if (failed.length > 0) throw new RegistryUnhealthy(`unhealthy: ${failed.join(", ")}`);
  });
