/** `activate`: installs the registry into the attached cluster, with all that it needs. */
import { Command, InvalidArgumentError } from "commander";
import { l4lbName } from "../cluster/l4lb-name.ts";
import { type ActivationPlan, activationSteps, type Step } from "./activate/activation.ts";
import { DcosApi } from "./activate/dcos-api.ts";
import { CliError, UsageError } from "./cli-error.ts";
import { parseServiceName } from "./cluster-environment.ts";
import { type ConnectionOptions, resolveCluster } from "./connection.ts";
import type { CliContext, CommandFactory } from "./context.ts";
import { type Fields, fieldsOf, parseFields, textOf } from "./json-fields.ts";
import { printLine } from "./print.ts";
import { readText } from "./read-text.ts";
import { withTransport } from "./with-registry.ts";

interface ActivateOptions extends Pick<ConnectionOptions, "ca" | "tokenFile"> {
  readonly options?: string;
  readonly dryRun?: boolean;
  readonly packageName: string;
  readonly serviceAccount: string;
  readonly timeout: number;
}

/** One step of several failed; the ones before it stay done. */
class StepFailed extends CliError {
  readonly code: string;
  constructor(step: Step, cause: unknown) {
    const { message, hint } = cause as { message: string; hint?: string };
    super(`${step.title}: ${message}`, {
      hint: `${hint ?? step.hint}. What is done stays; run the same command again to go on`,
      cause,
    });
    this.code = cause instanceof CliError ? cause.code : "STEP_FAILED";
  }
}

const defaultSecret = "dcos-registry-secret";

export const activate: CommandFactory = (context) =>
  new Command("activate")
    .description(
      "Install the registry into the attached cluster, with account, secret and repository",
    )
    .option(
      "--options <file>",
      "JSON file with options of the package, as for dcos package install",
    )
    .option("--dry-run", "only show the steps")
    .option("--package-name <name>", "the package to install", "package-registry")
    .option("--service-account <uid>", "service account of the registry", "dcos-registry")
    .option(
      "--timeout <seconds>",
      "how long the service may take to get healthy",
      parseSeconds,
      600,
    )
    .option("--ca <file>", "PEM file of the CAs to trust, in place of the cluster's")
    .option("--token-file <file>", "file that holds the token to send")
    .action((options: ActivateOptions) => run(options, context));

async function run(options: ActivateOptions, context: CliContext): Promise<void> {
  const { terminal, signal } = context;
  const plan = planOf(options, await readOptions(options, context));
  const connection = await resolveCluster(options, context);
  await withTransport(connection, context, async (transport) => {
    const steps = activationSteps(new DcosApi(transport, signal), plan, signal);
    for (const [index, step] of steps.entries()) {
      const number = `${index + 1}/${steps.length}`;
      if (options.dryRun) {
        printLine(terminal, `${number} ${step.title}`);
        continue;
      }
      const outcome = await step.run().catch((cause) => {
        signal.throwIfAborted();
        throw new StepFailed(step, cause);
      });
      printLine(terminal, `${number} ${step.title}: ${outcome}`);
    }
  });
}

async function readOptions(
  { options: file }: ActivateOptions,
  context: CliContext,
): Promise<Fields> {
  if (file === undefined) return {};
  const document = parseFields(await readText(file, context));
  if (document === undefined)
    throw new UsageError("the options are no JSON object", { where: file });
  return document;
}

/** What the user's options say wins; where they say nothing, the defaults of the original. */
function planOf(options: ActivateOptions, chosen: Fields): ActivationPlan {
  const registry = fieldsOf(chosen["registry"]);
  const service = fieldsOf(chosen["service"]);
  const secretPath = textOf(registry["service-account-secret-path"]) ?? defaultSecret;
  const name = parseServiceName(textOf(service["name"]) ?? "dcos-registry");
  const former = textOf(service["former-name"]) ?? "";
  return {
    packageName: options.packageName,
    service: name,
    ...(former !== "" && { formerName: parseServiceName(former) }),
    uid: options.serviceAccount,
    secretPath,
    options: { ...chosen, registry: { ...registry, "service-account-secret-path": secretPath } },
    repository: { name: "Registry", uri: `https://${l4lbName(name)}/repo` },
    loginEndpoint: "https://leader.mesos/acs/api/v1/auth/login",
    patienceMs: options.timeout * 1000,
    pollMs: Math.min(5_000, options.timeout * 100),
  };
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d+(?:\.\d+)?$/.test(text) && seconds > 0) return seconds;
  throw new InvalidArgumentError("It must be a number of seconds.");
}
