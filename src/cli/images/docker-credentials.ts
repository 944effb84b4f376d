/**
 * Credentials for registries from where docker, podman and skopeo keep them.
 *
 * Files are read once and only as far as needed; credential programs run without a shell. Secrets
 * leave this file as values only, never in a message.
 */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { CliError } from "../cli-error.ts";

export type Credentials =
  | { readonly kind: "password"; readonly user: string; readonly password: string }
  /** To be exchanged at the token server. */
  | { readonly kind: "identity-token"; readonly token: string }
  /** To be sent to the registry as it is. */
  | { readonly kind: "registry-token"; readonly token: string };

export class CredentialsUnreadable extends CliError {
  readonly code = "CREDENTIALS_UNREADABLE";
}

type Environment = Readonly<Record<string, string | undefined>>;

interface DockerConfig {
  readonly file: string;
  readonly auths: Readonly<Record<string, unknown>>;
  readonly credHelpers: Readonly<Record<string, unknown>>;
  readonly credsStore: string | undefined;
}

/** The key under which docker keeps the login to Docker Hub. */
const hubKey = "https://index.docker.io/v1/";

export class DockerCredentials {
  readonly #environment: Environment;
  readonly #signal: AbortSignal;
  #configs: Promise<DockerConfig[]> | undefined;

  constructor(environment: Environment, signal: AbortSignal) {
    this.#environment = environment;
    this.#signal = signal;
  }

  /**
   * @param host       of the reference, `docker.io` for Docker Hub
   * @param repository narrower entries (`host/path`) win over that of the host
   * @throws {CredentialsUnreadable} when a file or a credential program is broken
   */
  async find(host: string, repository: string): Promise<Credentials | undefined> {
    this.#configs ??= readConfigs(this.#environment);
    const keys = keysOf(host, repository);
    for (const config of await this.#configs) {
      const found = await this.#findIn(config, keys, host);
      if (found) return found;
    }
    return undefined;
  }

  async #findIn(
    { file, auths, credHelpers, credsStore }: DockerConfig,
    keys: readonly string[],
    host: string,
  ): Promise<Credentials | undefined> {
    const server = host === "docker.io" ? hubKey : host;
    const helper = keys.map((key) => credHelpers[key]).find((name) => typeof name === "string");
    if (typeof helper === "string") return this.#ask(helper, server, file);
    for (const key of keys) {
      const entry = Object.entries(auths).find(([name]) => normalizeKey(name) === key)?.[1];
      const found = entry === undefined ? undefined : credentialsIn(entry, file);
      if (found) return found;
    }
    return credsStore === undefined ? undefined : this.#ask(credsStore, server, file);
  }

  /** The protocol of docker-credential programs: server on stdin, JSON on stdout. */
  async #ask(name: string, server: string, file: string): Promise<Credentials | undefined> {
    if (!/^[A-Za-z0-9._-]+$/.test(name)) {
      throw new CredentialsUnreadable("the name of a credential program is malformed", {
        where: file,
      });
    }
    const program = `docker-credential-${name}`;
    const { code, output } = await run(program, server, this.#environment, this.#signal).catch(
      (cause) => {
        throw new CredentialsUnreadable(`cannot run ${program}`, { where: file, cause });
      },
    );
    if (code === 0) return secretIn(output, program);
    if (/credentials not found/.test(output)) return undefined;
    throw new CredentialsUnreadable(`${program} failed with exit code ${code}`, { where: file });
  }
}

/** From the most to the least specific: `host/a/b`, `host/a`, `host`. */
function keysOf(host: string, repository: string): string[] {
  const parts = repository.split("/");
  const paths = parts.map((_, index) => [host, ...parts.slice(0, parts.length - index)].join("/"));
  const hub = host === "docker.io" ? ["index.docker.io", "registry-1.docker.io"] : [];
  return [...paths, host, ...hub];
}

/** `https://HOST/v1/` and `HOST` mean the same. */
function normalizeKey(key: string): string {
  return key.replace(/^https?:\/\//, "").replace(/\/(?:v[12]\/?)?$/, "");
}

async function readConfigs(environment: Environment): Promise<DockerConfig[]> {
  const { HOME, DOCKER_CONFIG, REGISTRY_AUTH_FILE, XDG_RUNTIME_DIR, XDG_CONFIG_HOME } = environment;
  const files = [
    HOME && path.join(HOME, ".docker", "config.json"),
    DOCKER_CONFIG && path.join(DOCKER_CONFIG, "config.json"),
    REGISTRY_AUTH_FILE,
    XDG_RUNTIME_DIR && path.join(XDG_RUNTIME_DIR, "containers", "auth.json"),
    XDG_CONFIG_HOME && path.join(XDG_CONFIG_HOME, "containers", "auth.json"),
  ].filter((file) => file !== undefined && file !== "");
  const configs = await Promise.all([...new Set(files)].map((file) => readConfig(String(file))));
  return configs.filter((config) => config !== undefined);
}

async function readConfig(file: string): Promise<DockerConfig | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw new CredentialsUnreadable("cannot read the docker configuration", { where: file, cause });
  }
  const document = parseObject(text);
  if (document === undefined) {
    throw new CredentialsUnreadable("the docker configuration is not a JSON object", {
      where: file,
    });
  }
  const { credsStore } = document;
  return {
    file,
    auths: objectOf(document["auths"]),
    credHelpers: objectOf(document["credHelpers"]),
    credsStore: typeof credsStore === "string" && credsStore !== "" ? credsStore : undefined,
  };
}

function credentialsIn(entry: unknown, file: string): Credentials | undefined {
  const { auth, username, password, identitytoken, registrytoken } = objectOf(entry);
  if (isText(registrytoken)) return { kind: "registry-token", token: registrytoken };
  if (isText(identitytoken)) return { kind: "identity-token", token: identitytoken };
  if (isText(username) && isText(password)) return { kind: "password", user: username, password };
  if (!isText(auth)) return undefined;
  const text = Buffer.from(auth, "base64").toString("utf8").replace(/\0+$/, "");
  const colon = text.indexOf(":");
  if (colon < 1) throw new CredentialsUnreadable("an auth entry is malformed", { where: file });
  return { kind: "password", user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function secretIn(output: string, program: string): Credentials | undefined {
  const { Username: user, Secret: secret } = parseObject(output) ?? {};
  if (!isText(secret)) throw new CredentialsUnreadable(`${program} answered no credentials`);
  if (user === "<token>") return { kind: "identity-token", token: secret };
  return isText(user) ? { kind: "password", user, password: secret } : undefined;
}

/** A helper may ask a person. */
const helperTimeoutMs = 60_000;

async function run(
  program: string,
  input: string,
  environment: Environment,
  signal: AbortSignal,
): Promise<{ code: number; output: string }> {
  const child = spawn(program, ["get"], {
    env: environment,
    stdio: ["pipe", "pipe", "ignore"],
    signal,
    timeout: helperTimeoutMs,
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? -1));
  });
  // A program that does not read its input is judged by what it answers.
  child.stdin.on("error", () => undefined);
  child.stdin.end(`${input}\n`);
  const [code, output] = await Promise.all([ended, readText(child.stdout)]);
  return { code, output };
}

async function readText(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const usable = typeof value === "object" && value !== null && !Array.isArray(value);
    return usable ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // the text may hold secrets, so the parser's message is not kept
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
