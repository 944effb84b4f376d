/** The directory that a command writes its one file into, and what can be wrong with it. */
import { CliError } from "./cli-error.ts";
import { codeOf } from "./exit-code.ts";

/** The directory for the result does not take files. */
export class OutputUnwritable extends CliError {
  readonly code = "OUTPUT_UNWRITABLE";
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  ENOTDIR: "is not a directory",
  EACCES: "is not writable",
  EPERM: "is not writable",
  EROFS: "is on a read-only file system",
};

/** @returns undefined when `cause` is about something else */
export function unwritable(cause: unknown, directory: string): OutputUnwritable | undefined {
  const reason = reasons[codeOf(cause) ?? ""];
  if (reason === undefined) return undefined;
  const hint = "create it, or name another one with --output-directory";
  return new OutputUnwritable(`the output directory ${directory} ${reason}`, { hint, cause });
}

/** The path of a result as it is printed: relative stays relative. */
export function shownPath(directory: string, name: string): string {
  return `${directory.replace(/(?<=.)\/+$/, "")}/${name}`.replace(/^\/\//, "/");
}
