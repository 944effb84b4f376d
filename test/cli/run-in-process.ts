/** Runs the whole command line in this process and keeps what it printed. */
import { Writable } from "node:stream";
import type { CliContext } from "../../src/cli/context.ts";
import { runCli } from "../../src/cli/program.ts";

export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliRunOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  readonly signal?: AbortSignal;
  readonly input?: CliContext["input"];
  readonly resolveHost?: CliContext["resolveHost"];
  /** As if stderr were a terminal. */
  readonly interactive?: boolean;
  readonly columns?: number;
  readonly color?: boolean;
  /** Called with everything written to stderr, as it is written. */
  readonly onStderr?: (text: string) => void;
}

export async function runInProcess(
  args: readonly string[],
  options: CliRunOptions = {},
): Promise<CliRun> {
  const stdout = new Collector();
  const stderr = new Collector(options.onStderr);
  const { interactive = false, columns = 80, color = false, input, resolveHost } = options;
  const code = await runCli(args, {
    terminal: { stdout, stderr, interactive, columns, color },
    environment: options.environment ?? {},
    workingDirectory: options.workingDirectory ?? "/nonexistent",
    signal: options.signal ?? new AbortController().signal,
    ...(input && { input }),
    ...(resolveHost && { resolveHost }),
    version: "1.2.3",
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

class Collector extends Writable {
  text = "";
  readonly #onWrite: ((text: string) => void) | undefined;

  constructor(onWrite?: (text: string) => void) {
    super({ decodeStrings: false });
    this.#onWrite = onWrite;
  }

  override _write(chunk: unknown, _encoding: string, done: () => void): void {
    this.text += String(chunk);
    this.#onWrite?.(String(chunk));
    done();
  }
}
