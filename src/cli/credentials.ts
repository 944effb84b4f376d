/**
 * Who asks: a token or a user with a password, as the value of the `Authorization` header.
 *
 * Secrets come from files, variables or stdin, never from the command line, where others see them
 * in the process list; no message here repeats one.
 */
import { UsageError } from "./cli-error.ts";
import type { CliContext } from "./context.ts";
import { readText } from "./read-text.ts";

export interface CredentialOptions {
  readonly tokenFile?: string;
  readonly user?: string;
  readonly passwordStdin?: boolean;
}

/**
 * @returns undefined when nothing says who asks; reading needs no credentials
 * @throws {UsageError} @throws {FileUnreadable} for a token file that cannot be read
 */
export async function resolveAuthorization(
  options: CredentialOptions,
  context: CliContext,
): Promise<string | undefined> {
  if (options.user !== undefined || options.passwordStdin) {
    return basicCredentials(options, context);
  }
  const { tokenFile } = options;
  const token =
    tokenFile === undefined
      ? context.environment["DCOS_REGISTRY_TOKEN"]
      : firstToken(await readText(tokenFile, context));
  if (token === undefined || (token === "" && tokenFile === undefined)) return undefined;
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw new UsageError("a token is one line of printable characters without blanks", {
      where: tokenFile === undefined ? "DCOS_REGISTRY_TOKEN" : `--token-file ${tokenFile}`,
    });
  }
  return `Bearer ${token}`;
}

async function basicCredentials(
  { user, passwordStdin, tokenFile }: CredentialOptions,
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

/** The server's own token file will do: it has one token a line, and comments after `#`. */
function firstToken(text: string): string {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.find((line) => line !== "" && !line.startsWith("#")) ?? "";
}
