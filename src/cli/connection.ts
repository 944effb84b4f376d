/**
 * Finds out which registry is meant, whom to trust and who asks, before anything is sent.
 *
 * Credentials come from files, variables or stdin, never from the command line, and are kept apart
 * from the URL, so that no message can show them. The variables `DCOS_URL`, `DCOS_ACS_TOKEN`,
 * `DCOS_TLS_CA_PATH` and `DCOS_TLS_INSECURE` are what the DC/OS CLI passes to its plugins.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import { FileUnreadable, fileProblem, UsageError } from "./cli-error.ts";
import type { CliContext } from "./context.ts";

export interface Connection {
  /** Ends with `/`; a path prefix such as `/service/dcos-registry/` is part of it. */
  readonly url: URL;
  /** PEM, trusted in addition to the system's CAs. */
  readonly ca: string | undefined;
  /** As the user typed it, for messages. */
  readonly caFile: string | undefined;
  readonly verifyCertificate: boolean;
  /** The whole header value. */
  readonly authorization: string | undefined;
}

export interface ConnectionOptions {
  readonly url?: string;
  readonly ca?: string;
  readonly tokenFile?: string;
  readonly user?: string;
  readonly passwordStdin?: boolean;
  readonly name?: string;
}

const developmentUrl = "https://127.0.0.1:8443";
const developmentCa = "./data/tls/ca.crt";

/** Declares the options that every command has which talks to a registry. */
export function addConnectionOptions(command: Command): Command {
  return command
    .option("--url <url>", "address of the registry, a path prefix included")
    .option("--ca <file>", "PEM file of CAs to trust in addition to the system's")
    .option("--token-file <file>", "file whose first line is the token to send")
    .option("--user <name>", "user name, with --password-stdin")
    .option("--password-stdin", "read the password of --user from stdin")
    .option("--name <service>", "name of the registry's service in the attached DC/OS cluster");
}

/** @throws {UsageError} when options contradict each other, or no registry is named */
export async function resolveConnection(
  options: ConnectionOptions,
  context: CliContext,
): Promise<Connection> {
  const { environment } = context;
  const address = await resolveAddress(options, context);
  const ca = address.caFile === undefined ? undefined : await readText(address.caFile, context);
  if (ca !== undefined && !ca.includes("-----BEGIN CERTIFICATE-----")) {
    throw new FileUnreadable("the file holds no certificate in PEM form", {
      where: `--ca ${address.caFile}`,
      hint: "a CA file starts with -----BEGIN CERTIFICATE-----",
    });
  }
  const authorization =
    (await resolveAuthorization(options, context)) ??
    (address.cluster ? acsToken(environment) : undefined);
  refuseClearText(address.url, authorization);
  return {
    url: address.url,
    ca,
    caFile: address.caFile,
    verifyCertificate: !(address.cluster && isInsecure(environment)),
    authorization,
  };
}

interface Address {
  readonly url: URL;
  readonly caFile: string | undefined;
  /** Found through the DC/OS CLI, whose token and trust settings then apply. */
  readonly cluster: boolean;
}

async function resolveAddress(options: ConnectionOptions, context: CliContext): Promise<Address> {
  const { environment } = context;
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

/** Nested names such as `group/dcos-registry` are legal in DC/OS; anything else would leave the path. */
function parseServiceName(name: string): string {
  const bare = name.replace(/^\/|\/$/g, "");
  if (/^[a-z0-9-]+(?:\/[a-z0-9-]+)*$/.test(bare)) return bare;
  throw new UsageError("a service name is made of lower-case letters, digits, '-' and '/'", {
    where: `--name ${name}`,
  });
}

async function resolveAuthorization(
  options: ConnectionOptions,
  context: CliContext,
): Promise<string | undefined> {
  if (options.user !== undefined || options.passwordStdin) {
    return basicCredentials(options, context);
  }
  const { tokenFile } = options;
  const token =
    tokenFile === undefined
      ? context.environment["DCOS_REGISTRY_TOKEN"]
      : firstLine(await readText(tokenFile, context));
  if (token === undefined || (token === "" && tokenFile === undefined)) return undefined;
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new UsageError("a token is one line of printable characters without blanks", {
      where: tokenFile === undefined ? "DCOS_REGISTRY_TOKEN" : `--token-file ${tokenFile}`,
    });
  }
  return `Bearer ${token}`;
}

async function basicCredentials(
  { user, passwordStdin, tokenFile }: ConnectionOptions,
  { input }: CliContext,
): Promise<string> {
  if (user === undefined || !passwordStdin) {
    throw new UsageError("--user and --password-stdin belong together");
  }
  if (tokenFile !== undefined) {
    throw new UsageError("--token-file and --user are two ways to say who you are; use one");
  }
  if (user.includes(":")) throw new UsageError("a user name has no ':'", { where: "--user" });
  let password = "";
  for await (const chunk of input?.stream ?? []) password += String(chunk);
  password = password.replace(/\r?\n$/, "");
  if (password === "") throw new UsageError("--password-stdin: nothing came on stdin");
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}

/** Over plain HTTP everybody on the way can read the token; the own machine is no way. */
function refuseClearText(url: URL, authorization: string | undefined): void {
  if (url.protocol === "https:" || authorization === undefined || isLoopback(url)) return;
  throw new UsageError("credentials are not sent over http, where others can read them", {
    where: `--url ${url.href}`,
    hint: "use https",
  });
}

export function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d+){3}$/.test(hostname);
}

type Environment = CliContext["environment"];

function acsToken(environment: Environment): string | undefined {
  const token = environment["DCOS_ACS_TOKEN"];
  return token && /^[\x21-\x7e]+$/.test(token) ? `token=${token}` : undefined;
}

/** `DCOS_SSL_VERIFY` is the older variable: `true`, `false` or the path of a CA file. */
function clusterCa(environment: Environment): string | undefined {
  const older = environment["DCOS_SSL_VERIFY"];
  const fallback = older && !/^(?:true|false|0|1)$/i.test(older) ? older : undefined;
  return environment["DCOS_TLS_CA_PATH"] || fallback;
}

function isInsecure(environment: Environment): boolean {
  const insecure = environment["DCOS_TLS_INSECURE"];
  if (insecure) return /^(?:1|true)$/i.test(insecure);
  return /^(?:0|false)$/i.test(environment["DCOS_SSL_VERIFY"] ?? "");
}

function firstLine(text: string): string {
  return (
    text
      .split("\n")
      .map((line) => line.trim())
      .find((line) => line !== "") ?? ""
  );
}

async function readText(file: string, { workingDirectory }: CliContext): Promise<string> {
  try {
    return await readFile(path.resolve(workingDirectory, file), "utf8");
  } catch (cause) {
    throw new FileUnreadable(fileProblem(cause), { where: file, cause });
  }
}
