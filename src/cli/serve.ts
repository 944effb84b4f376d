/** `serve`: starts the server on bundles, straight from their files, until it is stopped. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { CliError } from "./cli-error.ts";
import type { CliContext, CommandFactory } from "./context.ts";

/** The server could not be started, or ended by itself. */
export class ServerEnded extends CliError {
  readonly code = "SERVER_ENDED";
}

const server = fileURLToPath(new URL("../main.js", import.meta.url));

export const serve: CommandFactory = (context) =>
  new Command("serve")
    .description(
      "Serve bundles straight from their files, read-only: registry and package repository",
    )
    .argument("<files...>", ".dcos files, then options of dcos-registry-server such as --listen")
    .allowUnknownOption()
    .action((words: readonly string[]) => run(words, context));

async function run(words: readonly string[], context: CliContext): Promise<void> {
  const { workingDirectory: cwd, environment, signal } = context;
  // The same Node, and its output is ours: nothing of the server's is to be translated.
  const child = spawn(process.execPath, [server, "serve", ...words], {
    cwd,
    env: { ...environment },
    stdio: "inherit",
  });
  const stop = () => child.kill("SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  const [code, killed] = (await once(child, "exit")) as [number | null, string | null];
  signal.removeEventListener("abort", stop);
  if (code === 0 || signal.aborted) return;
  throw new ServerEnded(`the server ended with ${killed ?? `exit code ${code}`}`, {
    hint: "it said above why",
  });
}
