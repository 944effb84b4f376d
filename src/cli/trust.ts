/** `trust`: makes the programs of an agent trust the registry, or shows and checks what they need. */
import path from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { readCaFile } from "../network/trust.ts";
import { CliError, UsageError } from "./cli-error.ts";
import { type CliContext, type CommandFactory, isQuiet } from "./context.ts";
import { printJson, printLine } from "./print.ts";
import { diagnoseAgent, presentPrograms } from "./trust/diagnose-agent.ts";
import { commandsFor, installTrust } from "./trust/install-trust.ts";
import { findCa, registryAddress } from "./trust/registry-ca.ts";
import type { TrustFinding } from "./trust/trust-finding.ts";
import {
  type AgentProgram,
  homes,
  programs,
  type Trusted,
  type TrustPlace,
  trustPlaces,
} from "./trust/trust-places.ts";

interface TrustOptions {
  readonly ca?: string;
  readonly name: string;
  readonly host?: string;
  readonly for: readonly AgentProgram[];
  readonly root: string;
  readonly install?: boolean;
  readonly check?: boolean;
  readonly json?: boolean;
}

/** This machine does not trust the registry, or not everywhere. */
class NotTrusted extends CliError {
  readonly code = "NOT_TRUSTED";
}

export const trust: CommandFactory = (context) =>
  new Command("trust")
    .description("Show, install or check what an agent needs to trust the registry")
    .option(
      "--ca <file>",
      "PEM file of the registry's CA; by default the cluster's on this machine",
    )
    .option("--name <service>", "name of the registry's service in DC/OS", "dcos-registry")
    .option("--host <host[:port]>", "registry host in image names, when it is not the service's")
    .addOption(
      new Option("--for <programs>", "which programs, separated by commas")
        .argParser(parsePrograms)
        .default(programs, programs.join(",")),
    )
    .option("--install", "put the files in place, for the programs that are on this machine")
    .option("--check", "only look at what is there; exits with 1 when something is wrong")
    .option("--root <directory>", "what stands for / of the agent", "/")
    .option("--json", "print the result as JSON")
    .action((options: TrustOptions) => run(options, context));

async function run(options: TrustOptions, context: CliContext): Promise<void> {
  if (options.install && options.check) {
    throw new UsageError("--install changes files and --check only looks at them; use one");
  }
  const { workingDirectory } = context;
  const ca = options.ca ?? (await foundCa(options, workingDirectory));
  const address = registryAddress(options.host, options.name);
  const trusted = { ...address, certificates: await readCaFile(ca, workingDirectory) };
  if (options.install) await install(options, trusted, context);
  else if (!options.check) show(options, trusted, path.resolve(workingDirectory, ca), context);
  const there = await presentPrograms(options.for, options.root);
  // With none of them there, what is missing is all that was asked about.
  const looked = there.length > 0 ? there : options.for;
  const findings = await diagnoseAgent(options.root, trusted, looked).catch(noOpenssl);
  report(findings, looked, options, context);
}

function noOpenssl(cause: NodeJS.ErrnoException): never {
  if (cause.code !== "ENOENT") throw cause;
  throw new NotTrusted("what Mesos trusts cannot be told without openssl", {
    hint: "install openssl, or leave Mesos out: --for=docker,containerd",
    cause,
  });
}

async function foundCa({ root }: TrustOptions, workingDirectory: string): Promise<string> {
  const found = await findCa(root, workingDirectory);
  if (found !== undefined) return found;
  throw new UsageError("which CA? there is none of a cluster on this machine", {
    hint: "pass --ca FILE; outside a cluster the server keeps it in <storage>/tls/ca.crt",
  });
}

async function install(
  options: TrustOptions,
  trusted: Trusted,
  context: CliContext,
): Promise<void> {
  const { terminal } = context;
  const present = await presentPrograms(options.for, options.root);
  if (present.length === 0) {
    throw new UsageError("none of the programs is on this machine", {
      where: options.for.map((program) => homes[program]).join(", "),
    });
  }
  for (const place of present.flatMap((program) => trustPlaces(program, trusted))) {
    const outcome = await installTrust(place, options.root).catch((cause) => {
      throw new NotTrusted(`cannot write ${place.file}: ${cause.code ?? cause.message}`, {
        hint: "run it as root, on the agent",
        cause,
      });
    });
    if (options.json || isQuiet(context)) continue;
    printLine(terminal, `${outcome === "written" ? "Installed" : "Unchanged"} ${place.file}`);
  }
}

function show(options: TrustOptions, trusted: Trusted, ca: string, { terminal }: CliContext): void {
  if (options.json) return;
  const places = options.for.flatMap((program): TrustPlace[] => trustPlaces(program, trusted));
  for (const program of options.for) {
    printLine(terminal, `# ${program}, on every agent, private and public`);
    const lines = places
      .filter((place) => place.program === program)
      .flatMap((place) => commandsFor(place, ca));
    for (const line of new Set(lines)) printLine(terminal, line);
  }
}

function report(
  findings: readonly TrustFinding[],
  looked: readonly AgentProgram[],
  options: TrustOptions,
  context: CliContext,
): void {
  const { terminal } = context;
  if (options.json) printJson(terminal, { trusted: findings.length === 0, findings });
  for (const { place, problem, hint } of options.json ? [] : findings) {
    terminal.stderr.write(`${place}: ${problem}\n  hint: ${hint}\n`);
  }
  const wrong = options.check ? findings : findings.filter(({ harmless }) => !harmless);
  if (wrong.length === 0 && options.check && !options.json) {
    for (const program of looked) printLine(terminal, `${titles[program]} trusts the registry`);
  }
  if (wrong.length === 0 || !(options.check || options.install)) return;
  throw new NotTrusted(
    `this machine's trust in the registry is not in order: ${wrong.length} finding(s)`,
  );
}

const titles: Readonly<Record<AgentProgram, string>> = {
  docker: "Docker",
  containerd: "containerd",
  mesos: "Mesos",
};

function parsePrograms(text: string): readonly AgentProgram[] {
  const wanted = text.split(",");
  const known = programs.filter((program) => wanted.includes(program));
  if (known.length === wanted.length) return known;
  throw new InvalidArgumentError(`They are ${programs.join(", ")}.`);
}
