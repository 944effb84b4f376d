#!/usr/bin/env node
/** Entry of the command line: signals → context → run → exit code. */
import { readFileSync } from "node:fs";
import { isatty } from "node:tty";
import { runCli } from "./cli/program.ts";
import { wantsColor } from "./cli/terminal.ts";

const { env, stdout, stderr } = process;
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => interrupted.abort());
}
// A reader that has seen enough (`dcos-registry list | head -1`) is no failure.
for (const stream of [stdout, stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}

const { version } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
);
process.exitCode = await runCli(process.argv.slice(2), {
  terminal: {
    stdout,
    stderr,
    interactive: stderr.isTTY === true && env["TERM"] !== "dumb",
    columns: stderr.columns ?? 80,
    color: wantsColor(env, stderr.isTTY === true),
  },
  environment: env,
  workingDirectory: process.cwd(),
  signal: interrupted.signal,
  input: {
    // Opened only by a command that reads it: that costs time and would keep the program alive.
    get stream() {
      return process.stdin;
    },
    interactive: isatty(0),
  },
  version: String(version),
});
