/**
 * Finds out which registry is meant, whom to trust and who asks, before anything is sent.
 *
 * `--url` names a registry directly. Without it the cluster is meant that the DC/OS CLI is attached
 * to, and without one the development server of this directory. Credentials are kept apart from
 * the URL, so that no message can show them.
 */
import type { Command } from "commander";
import { readCaFile } from "../network/trust.ts";
import { withAttachedCluster } from "./attached-cluster.ts";
import { UsageError } from "./cli-error.ts";
import { acsToken, clusterCa, isInsecure, parseServiceName } from "./cluster-environment.ts";
import type { CliContext } from "./context.ts";
import { type CredentialOptions, resolveAuthorization } from "./credentials.ts";
import { readText } from "./read-text.ts";

export interface Connection {
  /** Ends with `/`; a path prefix such as `/service/dcos-registry/` is part of it. */
  readonly url: URL;
  /** PEM of the CAs that are trusted; undefined means those of the system. */
  readonly ca: readonly string[] | undefined;
  /** As the user typed it, for messages. */
  readonly caFile: string | undefined;
  readonly verifyCertificate: boolean;
  /** The whole header value. */
  readonly authorization: string | undefined;
}

export interface ConnectionOptions extends CredentialOptions {
  readonly url?: string;
  readonly ca?: string;
  readonly name?: string;
}

const developmentUrl = "https://127.0.0.1:8443";
const developmentCa = "./data/tls/ca.crt";

/** Declares the options that every command has which talks to a registry. */
export function addConnectionOptions(command: Command): Command {
  return command
    .option("--url <url>", "address of the registry, a path prefix included")
    .option("--ca <file>", "PEM file of the CAs to trust, in place of the system's")
    .option("--token-file <file>", "file that holds the token to send")
    .option("--user <name>", "user name, with --password-stdin")
    .option("--password-stdin", "read the password of --user from stdin")
    .option("--name <service>", "name of the registry's service in the attached DC/OS cluster");
}

/** @throws {UsageError} when options contradict each other, or no registry is named */
export async function resolveConnection(
  options: ConnectionOptions,
  context: CliContext,
): Promise<Connection> {
  const environment =
    options.url === undefined
      ? await withAttachedCluster(context.environment)
      : context.environment;
  const address = await resolveAddress(options, { ...context, environment });
  const { caFile } = address;
  const ca = caFile === undefined ? undefined : await readCaFile(caFile, context.workingDirectory);
  const authorization =
    (await resolveAuthorization(options, context)) ??
    (address.cluster ? acsToken(environment) : undefined);
  refuseClearText(address.url, authorization);
  return {
    url: address.url,
    ca,
    caFile,
    verifyCertificate: !(address.cluster && isInsecure(environment)),
    authorization,
  };
}

/**
 * The cluster itself that is attached, for commands that work on it and not on a registry.
 *
 * @throws {UsageError} when none is
 */
export async function resolveCluster(
  options: Pick<ConnectionOptions, "ca" | "tokenFile">,
  context: CliContext,
): Promise<Connection> {
  const environment = await withAttachedCluster(context.environment);
  const clusterUrl = environment["DCOS_URL"];
  if (!clusterUrl) {
    throw new UsageError("no cluster is attached", { hint: "dcos cluster setup URL attaches one" });
  }
  const url = parseUrl(clusterUrl);
  const caFile = options.ca ?? clusterCa(environment);
  const ca = caFile === undefined ? undefined : await readCaFile(caFile, context.workingDirectory);
  const authorization = (await resolveAuthorization(options, context)) ?? acsToken(environment);
  refuseClearText(url, authorization);
  return { url, ca, caFile, verifyCertificate: !isInsecure(environment), authorization };
}

interface Address {
  readonly url: URL;
  readonly caFile: string | undefined;
  /** Found through the DC/OS CLI, whose token and trust settings then apply. */
  readonly cluster: boolean;
}

async function resolveAddress(options: ConnectionOptions, context: CliContext): Promise<Address> {
  const { environment } = context;
  if (options.url !== undefined && options.name !== undefined) {
    throw new UsageError("--url and --name are two ways to say which registry; use one", {
      where: `--name ${options.name}`,
    });
  }
  if (options.url !== undefined) {
    return { url: parseUrl(options.url), caFile: options.ca, cluster: false };
  }
  const clusterUrl = environment["DCOS_URL"];
  if (clusterUrl) {
    const service = parseServiceName(options.name ?? "dcos-registry");
    const url = new URL(`service/${service}/`, parseUrl(clusterUrl));
    return { url, caFile: options.ca ?? clusterCa(environment), cluster: true };
  }
  if (options.ca !== undefined) {
    return { url: parseUrl(developmentUrl), caFile: options.ca, cluster: false };
  }
  const found = await readText(developmentCa, context).catch(() => undefined);
  if (found === undefined) {
    throw new UsageError("no registry is named", {
      hint: "pass --url https://HOST:PORT (or set DCOS_REGISTRY_URL), and --ca FILE when its CA is not a public one",
    });
  }
  return { url: parseUrl(developmentUrl), caFile: developmentCa, cluster: false };
}

function parseUrl(text: string): URL {
  const where = `--url ${text.replace(/\/\/[^/]*@/, "//…@")}`;
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) {
    throw new UsageError(
      "the address of a registry is a URL, such as https://registry.example:443",
      {
        where,
      },
    );
  }
  const url = new URL(text);
  if (url.username !== "" || url.password !== "") {
    throw new UsageError("a URL must not carry a password: others can see it in the process list", {
      where,
      hint: "use --user NAME --password-stdin, or --token-file FILE",
    });
  }
  if (url.search !== "" || url.hash !== "") {
    throw new UsageError("the address of a registry has no ? and no #", { where });
  }
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}

/** Over plain HTTP everybody on the way can read the token; the own machine is no way. */
function refuseClearText(url: URL, authorization: string | undefined): void {
  if (url.protocol === "https:" || authorization === undefined || isLoopback(url)) return;
  throw new UsageError("credentials are not sent over http, where others can read them", {
    where: `--url ${url.href}`,
    hint: "use https",
  });
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d+){3}$/.test(hostname);
}
