/**
 * The command line: finds the command, gives it its context, turns its end into an exit code.
 *
 * Never ends the process and never prints beside the given terminal, so that tests run it whole.
 * `dcos-registry registry X` equals `dcos-registry X`: `dcos` calls its plugins in the first form.
 */
import { Command, CommanderError, Option } from "commander";
import { CliError, Interrupted, UsageError } from "./cli-error.ts";
import { type CommandEntry, commandTable } from "./command-table.ts";
import type { CliContext } from "./context.ts";
import { exitCodeOf, exitCodes } from "./exit-code.ts";
import { printError } from "./print-error.ts";

/** One line; `dcos` shows it beside the plugin's name. */
export const pluginDescription = "Manage the packages of the DC/OS Package Registry";

interface GlobalOptions {
  readonly verbose?: number;
  readonly quiet?: boolean;
  readonly color: boolean;
  readonly info?: boolean;
}

/**
 * @param argv what stands behind the name of the program
 * @returns the exit code, as `exit-code.ts` lists them
 */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  const { command, args, globals } = readCommandLine(argv);
  const settled = settle(context, globals);
  if (globals.info) {
    context.terminal.stdout.write(`${pluginDescription}\n`);
    return exitCodes.ok;
  }
  try {
    const program = await createProgram(command, settled);
    await program.parseAsync(args, { from: "user" });
    return exitCodes.ok;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok;
    const failure = error instanceof CommanderError ? usageErrorOf(error, command) : error;
    return reportFailure(failure, settled, command);
  }
}

/** @param failure undefined when help has been printed instead of doing something */
function reportFailure(failure: unknown, context: CliContext, command?: string): number {
  const { terminal, signal, verbosity = 0 } = context;
  if (failure === undefined) return exitCodes.usage;
  const interrupted = signal.aborted && !(failure instanceof CliError);
  printError(interrupted ? new Interrupted() : failure, { terminal, verbosity, command });
  return signal.aborted ? exitCodes.interrupted : exitCodeOf(failure, command);
}

interface CommandLine {
  readonly command: string | undefined;
  readonly args: readonly string[];
  readonly globals: GlobalOptions;
}

/** Global options may stand anywhere, so a first reading looks for them and for the command. */
function readCommandLine(argv: readonly string[]): CommandLine {
  const scout = addGlobalOptions(new Command()).helpOption(false);
  const { operands } = scout.parseOptions([...argv]);
  const args = [...argv];
  if (operands[0] === "registry") {
    args.splice(args.indexOf("registry"), 1);
    operands.shift();
  }
  const command = operands[0] === "help" ? operands[1] : operands[0];
  return { command, args, globals: scout.opts<GlobalOptions>() };
}

function addGlobalOptions(program: Command): Command {
  return program
    .addOption(
      new Option("-v, --verbose", "say what is done over the network; twice: stacks too").argParser(
        (_value, before: number | undefined) => (before ?? 0) + 1,
      ),
    )
    .option("-q, --quiet", "print data and errors only")
    .option("--no-color", "print without colours")
    .option("--info", "print one line about this program");
}

function settle(context: CliContext, { verbose, quiet, color }: GlobalOptions): CliContext {
  const { terminal } = context;
  return {
    ...context,
    verbosity: quiet ? -1 : (verbose ?? verbosityOf(context)),
    terminal: { ...terminal, color: color && (terminal.color ?? false) },
  };
}

/** `dcos -v registry …` tells its plugins in a variable. */
function verbosityOf({ environment }: CliContext): number {
  return /^[12]$/.test(environment["DCOS_VERBOSITY"] ?? "")
    ? Number(environment["DCOS_VERBOSITY"])
    : 0;
}

async function createProgram(wanted: string | undefined, context: CliContext): Promise<Command> {
  const { stdout, stderr, columns } = context.terminal;
  const program = addGlobalOptions(new Command("dcos-registry"))
    .description(pluginDescription)
    .version(context.version ?? "0", "--version", "print the version")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      outputError: () => {},
      getOutHelpWidth: () => columns,
      getErrHelpWidth: () => columns,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText("after", "\nEvery option also has a variable: --url is DCOS_REGISTRY_URL.");
  program.hook("preSubcommand", (_program, command) => readVariables(command, context));
  for (const entry of commandTable) program.addCommand(await commandOf(entry, wanted, context));
  for (const command of program.commands) command.copyInheritedSettings(program);
  return program;
}

async function commandOf(
  { name, summary, load }: CommandEntry,
  wanted: string | undefined,
  context: CliContext,
): Promise<Command> {
  if (name !== wanted) return new Command(name).description(summary);
  return (await load())(context);
}

/** Before the options of a command are read: what stands in variables; an option still wins. */
function readVariables(command: Command, { environment }: CliContext): void {
  for (const option of command.options) {
    const variable = variableOf(option);
    const value = environment[variable];
    if (value === undefined || value === "" || option.negate) continue;
    const parsed = option.isBoolean() ? isTrue(value) : parseVariable(option, variable, value);
    command.setOptionValueWithSource(option.attributeName(), parsed, "env");
  }
}

function parseVariable(option: Option, variable: string, value: string): unknown {
  try {
    return option.parseArg ? option.parseArg(value, option.defaultValue) : value;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(message, { where: `${variable}=${value}`, cause });
  }
}

export function variableOf(option: Option): string {
  return `DCOS_REGISTRY_${option.name().toUpperCase().replaceAll("-", "_")}`;
}

function isTrue(value: string): boolean {
  return /^(?:1|true|yes)$/i.test(value);
}

/** @returns undefined when commander has printed its help already, which is all there is to say */
function usageErrorOf(error: CommanderError, command: string | undefined): UsageError | undefined {
  if (error.code === "commander.help") return undefined;
  const [message = "", suggestion = ""] = error.message.replace(/^error: /, "").split("\n");
  const known = commandTable.some(({ name }) => name === command);
  const help = `See: dcos-registry ${known ? `${command} ` : ""}--help`;
  const hint = `${suggestion.replace(/^\(|\)$/g, "")} ${help}`.trimStart();
  return new UsageError(message, { hint });
}
