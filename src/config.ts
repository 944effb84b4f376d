/**
 * The server's configuration: read once, validated whole, frozen.
 *
 * Defaults give way to the JSON file, the file to environment variables, variables to flags. Each
 * part of the server gets the fields it needs and nothing else.
 */
import { readFileSync } from "node:fs";
import { type Request, readFlags } from "./config/command-line.ts";
import { type Config, toConfig } from "./config/config.ts";
import { readConfigurationFile } from "./config/configuration-file.ts";
import { conflicts, unreadable, withDefaults } from "./config/effective.ts";
import { type Environment, readEnvironment } from "./config/environment.ts";
import { helpText, printValues } from "./config/print.ts";
import type { Problem } from "./config/schema.ts";
import type { Value } from "./config/sources.ts";
import { withStoragePlace } from "./config/storage-place.ts";

export type { ListenAddress } from "./config/address.ts";
export type { ClusterConfig, StatsdAddress } from "./config/cluster-config.ts";
export {
  type BucketConfig,
  type Config,
  certificateNamesFor,
  type LogLevel,
  withPort,
} from "./config/config.ts";
export { optionTable } from "./config/print.ts";
export type { Problem } from "./config/schema.ts";

/** Options that cannot be served: all of them, each message naming its source. */
export class ConfigInvalid extends Error {
  readonly code = "CONFIG_INVALID";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(({ message }) => message).join("\n"));
    this.name = "ConfigInvalid";
    this.problems = problems;
  }
}

/** What the command line asks for: to serve, or only to print something and end. */
export type Invocation =
  | { readonly action: "serve"; readonly config: Config }
  | { readonly action: "print"; readonly text: string };

/**
 * @param argv arguments behind the name of the program
 * @throws {ConfigInvalid} naming every problem at once
 */
export function readInvocation(argv: readonly string[], environment: Environment): Invocation {
  const { requests, values, problems } = readAll(argv, environment);
  if (requests.has("help")) return { action: "print", text: helpText() };
  if (requests.has("version")) return { action: "print", text: `${productVersion()}\n` };
  if (problems.length > 0) throw new ConfigInvalid(problems);
  if (requests.has("print-config")) return { action: "print", text: printValues(values) };
  return { action: "serve", config: toConfig(values, environment) };
}

/** `readInvocation` where only the configuration is of interest. @throws {ConfigInvalid} */
export function loadConfig(argv: readonly string[], environment: Environment): Config {
  const { values, problems } = readAll(argv, environment);
  if (problems.length > 0) throw new ConfigInvalid(problems);
  return toConfig(values, environment);
}

/** As `package.json` states it. */
export function productVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return String((JSON.parse(text) as { version: unknown }).version);
}

interface Reading {
  readonly requests: ReadonlySet<Request>;
  /** Defaults included. */
  readonly values: ReadonlyMap<string, Value>;
  readonly problems: readonly Problem[];
}

function readAll(argv: readonly string[], environment: Environment): Reading {
  const flags = readFlags(argv);
  const variables = readEnvironment(environment);
  const file = flags.values.get("/config") ?? variables.values.get("/config");
  const sources = [
    ...(file === undefined ? [] : [readConfigurationFile(String(file))]),
    variables,
    flags,
  ];
  const { values: set, problems: places } = withStoragePlace(
    new Map(sources.flatMap(({ values }) => [...values])),
  );
  const problems = [...sources.flatMap((source) => source.problems), ...places];
  return {
    requests: flags.requests,
    values: withDefaults(set),
    problems: [...problems, ...conflicts(set), ...unreadable(set)],
  };
}
