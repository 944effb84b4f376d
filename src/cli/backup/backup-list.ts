/**
 * `export.json`: what stands beside exported bundles and what a bundle cannot say of itself.
 *
 * Written anew after each bundle, by rename, so that an export that was broken off knows what it has.
 */
import { open, readFile, rename } from "node:fs/promises";
import path from "node:path";
import { fileProblem } from "../../network/file-problem.ts";
import { type Digest, isDigest } from "../../oci/digest.ts";
import { syncDirectory } from "../../packages/sync-directory.ts";
import { CliError, FileUnreadable } from "../cli-error.ts";
import { codeOf } from "../exit-code.ts";
import { arrayOf, fieldsOf, numberOf, parseFields, textOf } from "../json-fields.ts";

export interface BackedUpPackage {
  readonly name: string;
  readonly version: string;
  readonly releaseVersion: number;
  /** Digest of the package root. */
  readonly root: Digest;
  /** Name of its bundle, in the same directory. */
  readonly file: string;
  /** Bytes of that file. */
  readonly size: number;
}

export class BackupUnusable extends CliError {
  readonly code = "BACKUP_INVALID";
}

export const listFile = "export.json";
const formatVersion = 1;

/** @returns nothing where no export was made yet @throws {BackupUnusable | FileUnreadable} */
export async function readBackupList(
  directory: string,
): Promise<readonly BackedUpPackage[] | undefined> {
  const file = path.join(directory, listFile);
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    if (codeOf(cause) === "ENOENT") return undefined;
    throw new FileUnreadable(fileProblem(cause), { where: file, cause });
  });
  if (text === undefined) return undefined;
  const document = parseFields(text);
  if (document?.["formatVersion"] !== formatVersion) {
    throw new BackupUnusable("it is no list of exported packages", { where: file });
  }
  return arrayOf(document["packages"]).map((entry) => packageOf(entry, file));
}

export async function writeBackupList(
  directory: string,
  packages: readonly BackedUpPackage[],
): Promise<void> {
  const file = path.join(directory, listFile);
  const staged = `${file}.partial`;
  const sorted = [...packages].sort(byNameThenRelease);
  const handle = await open(staged, "w", 0o600);
  try {
    await handle.writeFile(`${JSON.stringify({ formatVersion, packages: sorted }, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(staged, file);
  await syncDirectory(directory);
}

export function isSamePackage(
  one: Pick<BackedUpPackage, "name" | "version">,
  other: Pick<BackedUpPackage, "name" | "version">,
): boolean {
  return one.name === other.name && one.version === other.version;
}

function packageOf(value: unknown, where: string): BackedUpPackage {
  const fields = fieldsOf(value);
  const [name, version, root, file] = ["name", "version", "root", "file"].map(
    (field) => textOf(fields[field]) ?? "",
  );
  const [releaseVersion = 0, size = -1] = ["releaseVersion", "size"].map((field) =>
    numberOf(fields[field]),
  );
  const valid = Number.isSafeInteger(releaseVersion) && releaseVersion > 0 && size >= 0;
  if (!name || !version || !root || !isDigest(root) || !valid || !isFileName(file)) {
    throw new BackupUnusable(`a package in it is not complete: ${name} ${version}`, { where });
  }
  return { name, version, releaseVersion, root, file, size };
}

/** Also of what a registry says: nothing may be read or written outside the directory. */
export function isFileName(text: string | undefined): text is string {
  return text !== undefined && /^[A-Za-z0-9][A-Za-z0-9.-]{0,254}$/.test(text);
}

function byNameThenRelease(one: BackedUpPackage, other: BackedUpPackage): number {
  if (one.name !== other.name) return one.name < other.name ? -1 : 1;
  return one.releaseVersion - other.releaseVersion;
}
