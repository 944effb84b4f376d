/** `doctor`: looks at the registry and the cluster around it, and says what to do about what is wrong. */
import { Command } from "commander";
import { CliError } from "./cli-error.ts";
import { addConnectionOptions } from "./connection.ts";
import type { CliContext, CommandFactory } from "./context.ts";
import type { Check, Outcome } from "./doctor/check.ts";
import { checks } from "./doctor/checks.ts";
import { type SubjectOptions, withSubject } from "./doctor/open-subject.ts";
import type { Subject } from "./doctor/subject.ts";
import { printJson, printLine } from "./print.ts";
import type { Terminal } from "./terminal.ts";

interface DoctorOptions extends SubjectOptions {
  readonly json?: boolean;
}

interface Result {
  readonly name: string;
  readonly outcome: Outcome;
}

/** Something is wrong; what was found is printed already. */
class DoctorFoundProblems extends CliError {
  readonly code = "PROBLEMS_FOUND";
}

export const doctor: CommandFactory = (context) =>
  addConnectionOptions(
    new Command("doctor")
      .description("Find out what is wrong with the registry or with the cluster around it")
      .option("--host <host[:port]>", "host in image names, when it is not the service's")
      .option("--root <directory>", "what stands for / of this machine", "/")
      .option("--json", "print the result as JSON"),
  ).action((options: DoctorOptions) => run(options, context));

async function run(options: DoctorOptions, context: CliContext): Promise<void> {
  const { terminal, signal } = context;
  const results = await withSubject(options, context, async (subject) => {
    const all: Result[] = [];
    for (const check of checks) {
      const outcome = await outcomeOf(check, subject, signal);
      if (!options.json) print(check.name, outcome, terminal);
      all.push({ name: check.name, outcome });
    }
    return all;
  });
  const wrong = results.filter(({ outcome }) => isWrong(outcome)).map(({ name }) => name);
  if (options.json) {
    const shown = results.map(({ name, outcome }) => ({ check: name, ...outcome }));
    printJson(terminal, { healthy: wrong.length === 0, checks: shown });
  }
  if (wrong.length > 0) throw new DoctorFoundProblems(`not in order: ${wrong.join(", ")}`);
}

/** A check that itself fails has found something too. */
async function outcomeOf(check: Check, subject: Subject, signal: AbortSignal): Promise<Outcome> {
  try {
    return await check.run(subject);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof CliError)) throw error;
    const { message, hint } = error;
    const fix = hint ?? "the same command with -v shows what is asked and answered";
    return { state: "found", findings: [{ problem: message, fix }] };
  }
}

function isWrong(outcome: Outcome): boolean {
  return outcome.state === "found" && outcome.findings.some(({ harmless }) => !harmless);
}

function print(name: string, outcome: Outcome, terminal: Terminal): void {
  if (outcome.state !== "found") {
    const mark = outcome.state === "fine" ? "ok     " : "skipped";
    printLine(terminal, oneLine(`${mark} ${name}: ${outcome.message}`));
    return;
  }
  for (const { problem, fix, harmless } of outcome.findings) {
    printLine(terminal, oneLine(`${harmless ? "warning" : "WRONG  "} ${name}: ${problem}`));
    printLine(terminal, oneLine(`        fix: ${fix}`));
  }
}

/** What the registry and the cluster say must not pass for a line of ours. */
function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, " ");
}
