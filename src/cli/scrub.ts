/**
 * `scrub`: has the registry verify all that is stored, now, and shows what it has found.
 *
 * The registry goes slowly on purpose and does so by itself from time to time. So the command only
 * asks for it, unless it is told to wait; it fails when damage is known.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Command } from "commander";
import { formatBytes } from "./byte-size.ts";
import { CliError } from "./cli-error.ts";
import { addConnectionOptions, type ConnectionOptions } from "./connection.ts";
import type { CommandFactory } from "./context.ts";
import { printJson, printLine } from "./print.ts";
import type { Answered, ScrubStatus } from "./registry-answer.ts";
import type { RegistryClient } from "./registry-client.ts";
import type { Terminal } from "./terminal.ts";
import { withRegistry } from "./with-registry.ts";

interface ScrubOptions extends ConnectionOptions {
  readonly status?: boolean;
  readonly wait?: boolean;
  readonly json?: boolean;
}

/** How often the registry is asked whether it is done; it remembers its answer for as long. */
const askMs = 2000;

/** The registry has content or documents that are not what they should be. */
class StorageDamaged extends CliError {
  readonly code = "STORAGE_DAMAGED";
}

export const scrub: CommandFactory = (context) =>
  addConnectionOptions(
    new Command("scrub")
      .description("Verify all that is stored in the registry; fails when it is damaged")
      .option("--status", "only show how it goes and what was found")
      .option("--wait", "until everything is verified")
      .option("--json", "print the state as JSON"),
  ).action(async (options: ScrubOptions) => {
    const { terminal, signal } = context;
    const { document, value } = await withRegistry(options, context, (registry) =>
      ask(registry, options, signal),
    );
    if (options.json) printJson(terminal, document);
    else printStatus(terminal, value);
    const { length } = value.damages;
    if (length > 0) throw new StorageDamaged(`damaged: ${length} blob(s) or document(s)`);
  });

async function ask(
  registry: RegistryClient,
  { status, wait }: ScrubOptions,
  signal: AbortSignal,
): Promise<Answered<ScrubStatus>> {
  if (!wait) return status ? registry.scrubStatus(signal) : registry.scrub(signal);
  const before = (await registry.scrubStatus(signal)).value.last?.finishedAt;
  if (!status) await registry.scrub(signal);
  for (;;) {
    const now = await registry.scrubStatus(signal);
    const { state, last } = now.value;
    // Right behind the request the registry may still tell what was before it.
    const over = status || last?.finishedAt !== before;
    if (state === "waiting" && over) return now;
    await sleep(askMs, undefined, { signal });
  }
}

function printStatus(terminal: Terminal, { state, verified, last, damages }: ScrubStatus): void {
  if (state === "running") printLine(terminal, `Running: ${formatBytes(verified)} verified`);
  else printLine(terminal, state === "requested" ? "Requested: it begins in a moment" : "Waiting");
  if (last) {
    const what = `${last.blobs} blob(s), ${formatBytes(last.bytes)}`;
    printLine(terminal, `Last verified: ${last.finishedAt}, ${what}`);
  }
  for (const { subject, why } of damages) printLine(terminal, `Damaged: ${subject}: ${why}`);
}
