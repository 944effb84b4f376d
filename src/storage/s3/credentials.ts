/**
 * Access keys out of an AWS credentials file, read again when the file changes.
 *
 * The AWS client caches such a file for the life of the process; secrets are rotated under running
 * servers, so this one looks. A file that is unusable for a moment leaves the last keys in use.
 */
import { readFile } from "node:fs/promises";
import { fileState } from "../file-state.ts";

export interface AccessKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** As the AWS client asks for keys; it asks again when they expire. */
export type CredentialsSource = () => Promise<AccessKeys & { readonly expiration: Date }>;

export interface CredentialsFileOptions {
  readonly file: string;
  readonly profile: string;
  /** Told once for each state of the file that cannot be used while other keys are in use. */
  readonly onError: (error: unknown) => void;
}

/** The client takes keys for expired five minutes early; so it asks again after a second. */
const validMs = 301_000;

/** The message never repeats what is in the file. */
export class S3CredentialsInvalid extends Error {
  readonly code = "S3_CREDENTIALS_INVALID";
  constructor(file: string, why: string, options?: ErrorOptions) {
    super(`${file}: ${why}`, options);
    this.name = "S3CredentialsInvalid";
  }
}

/** @returns a source whose first call has succeeded @throws {S3CredentialsInvalid} */
export async function openCredentialsFile(
  options: CredentialsFileOptions,
): Promise<CredentialsSource> {
  let state = await fileState(options.file);
  let keys = await load(options);
  return async () => {
    const now = await fileState(options.file);
    if (now !== state) {
      state = now;
      keys = await load(options).catch((error: unknown) => {
        options.onError(error);
        return keys;
      });
    }
    return { ...keys, expiration: new Date(Date.now() + validMs) };
  };
}

async function load({ file, profile }: CredentialsFileOptions): Promise<AccessKeys> {
  const text = await readFile(file, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new S3CredentialsInvalid(file, `cannot be read (${cause.code})`, { cause });
  });
  const section = sectionsOf(text).get(profile);
  if (section === undefined) throw new S3CredentialsInvalid(file, `has no profile [${profile}]`);
  const accessKeyId = section.get("aws_access_key_id");
  const secretAccessKey = section.get("aws_secret_access_key");
  if (!accessKeyId || !secretAccessKey) {
    const why = `profile [${profile}] needs aws_access_key_id and aws_secret_access_key`;
    throw new S3CredentialsInvalid(file, why);
  }
  const sessionToken = section.get("aws_session_token");
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}

/** `[name]` or `[profile name]`, then `key = value` lines; `#` and `;` begin comments. */
function sectionsOf(text: string): Map<string, Map<string, string>> {
  const sections = new Map<string, Map<string, string>>();
  let section = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const name = /^\s*\[\s*(?:profile\s+)?([^\]]*?)\s*\]/.exec(line)?.[1];
    if (name !== undefined) {
      section = sections.get(name) ?? new Map();
      sections.set(name, section);
      continue;
    }
    const [, key, value] = /^\s*([^\s#;=][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) section.set(key.toLowerCase(), value);
  }
  return sections;
}
